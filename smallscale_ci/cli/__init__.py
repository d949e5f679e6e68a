"""The command line: parse, call the pipeline, render, map to an exit code."""
