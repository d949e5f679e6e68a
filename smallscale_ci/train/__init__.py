"""Preference pairs, and training on them."""
