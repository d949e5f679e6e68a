"""Sandboxes for untrusted programs: one interface, three implementations."""
