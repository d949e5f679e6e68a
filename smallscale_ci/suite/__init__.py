"""Suites: problems with what they are judged by, read from pinned files and checked row by row."""
