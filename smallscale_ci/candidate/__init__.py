"""From a checkpoint to a candidate that thinks shorter, through the same gate."""
