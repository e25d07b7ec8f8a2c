"""Collecting what is due and paying back what is owed, through the gateways."""
