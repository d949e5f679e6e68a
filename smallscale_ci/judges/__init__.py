"""Judges: pure functions of (problem, text) to an outcome, and the pool that runs them safely."""
