"""Mathematical answers as values that can be compared."""
