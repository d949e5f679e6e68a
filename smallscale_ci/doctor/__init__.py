"""Checks of this machine: what it has and what is missing."""
