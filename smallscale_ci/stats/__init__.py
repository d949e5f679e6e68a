"""Arrays in, estimates out: the statistics of the gate, on numpy and scipy alone."""
