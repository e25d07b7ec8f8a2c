"""Time: what falls due, and who carries it out."""
