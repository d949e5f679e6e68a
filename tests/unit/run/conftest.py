"""What tests of stored baselines begin with."""

from pathlib import Path

import pytest
from helpers import replayed


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two runs of a suite of 8 problems: ``one`` of 2 epochs, ``two`` of 1."""
    place = tmp_path_factory.mktemp("place")
    replayed.make_configs(place, problems=8)
    replayed.make_run(place, "one", epochs=2)
    replayed.make_run(place, "two", epochs=1, seed=5)
    return place / "stored"
