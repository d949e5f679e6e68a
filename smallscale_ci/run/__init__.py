"""A run: its manifest, its folder, its samples; and stored baselines."""
