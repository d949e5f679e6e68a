"""Published benchmarks, which this repository does not hold: one variable says where they are."""

import os
from pathlib import Path

from helpers.needed import absent

VARIABLE = "SMALLSCALE_TEST_DATA"  # a folder with data/bench/KIND/NAME/test_NAME.parquet


def data_file(path: str) -> Path:
    """A file or folder of them; without it the test is skipped, in CI it fails."""
    place = os.environ.get(VARIABLE, "")
    found = Path(place, path)
    if not place or not found.exists():
        absent(f"{found} is missing: check {VARIABLE}" if place else f"{VARIABLE} names no folder")
    return found
