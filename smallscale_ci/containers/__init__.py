"""Images pinned by digest, containers described as values, and the engine that runs them."""
