"""The engines: one module each, one interface."""
