"""Configuration: models without behaviour, and the loader that checks files against them."""
