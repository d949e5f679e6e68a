"""Where programs run that may be hostile: one interface, three ways to shut them in."""
