"""What every page and form stands on: who is asking, what they may, what they typed."""
