"""Generation: the host's side of the work folder, and the runtimes that start workers."""
