"""Training steps that run in the training environment."""
