"""Keeps an engine's compiled modules for the next start if it was installed without them.

An engine has thousands of modules. If its installer left them as source (images and environments
made by uv, read-only folders), each start would compile them again, which takes half of the
import time.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path


def keep(package: str) -> None:
    """Let this process and its children write and read compiled modules in the cache.

    Nothing changes if ``package`` is missing, was compiled by its installer, or if the
    user has chosen a place (PYTHONPYCACHEPREFIX). A place that cannot be written does no harm.
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
