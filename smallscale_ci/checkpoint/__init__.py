"""The model under test: found, checked that it can be served, and identified by its bytes."""
