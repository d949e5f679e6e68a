"""Suites: problems with golds, options or tests, from pinned files checked row by row."""
