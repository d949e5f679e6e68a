"""Tests mirror the package: every room has a folder here, and every module a file of its name."""

from pathlib import Path

import smallscale_ci

PACKAGE = Path(smallscale_ci.__file__).parent
TESTS = Path(__file__).resolve().parents[1]
MODULES = sorted(
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    for path in PACKAGE.rglob("*.py")
    if path.name != "__init__.py"
)
