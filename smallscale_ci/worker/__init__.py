"""The code that runs beside the engine, in the engine's own Python.

Imports nothing but itself, the standard library and the engine, so that this folder can be mounted
read-only into an unmodified engine image and started as ``python3 FOLDER --work DIR --rank N``.
"""
