"""The rule book: pure functions and frozen values; time is always an argument."""
