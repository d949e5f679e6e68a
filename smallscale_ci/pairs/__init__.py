"""Preference pairs from a judged run."""
