"""Two runs and a policy in, a verdict out."""
