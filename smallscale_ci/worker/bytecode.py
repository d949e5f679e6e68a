"""Compiled modules of an engine that came without them, kept for the next start.

An engine has thousands of modules. Where its installer left them as source (images and environments
made by uv, folders that nobody may write to), each start would compile them again: half of the
time that its import takes.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path


def keep(package: str) -> None:
    """Let this process and its children write compiled modules to the cache, and read them there.

    Nothing changes where ``package`` is not there, was compiled by its installer, or where the
    user has chosen a place (PYTHONPYCACHEPREFIX). A place that cannot be written costs nothing.
    """
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None or sys.pycache_prefix is not None:
        return
    if Path(importlib.util.cache_from_source(found.origin)).exists():
        return
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    sys.pycache_prefix = str(Path(cache) / "smallscale" / "bytecode")
    sys.dont_write_bytecode = False
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
