"""Reports: one verdict, rendered for a terminal, GitHub, a test dashboard, machines and readers."""
