"""What tests of several stored runs begin with."""

import pytest
from helpers import replayed


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    """Five runs of checkpoints: the fourth fell in accuracy, the fifth thinks longer."""
    place = tmp_path_factory.mktemp("history")
    replayed.make_configs(place, problems=120)
    wrong = (0.2, 0.2, 0.2, 0.6, 0.6)
    for day, share in enumerate(wrong, 1):
        longer = 2.0 if day == 5 else 1.0
        path = replayed.make_run(
            place, f"r{day}", model=f"step-{day}", wrong=share, longer=longer, seed=day, epochs=1
        )
        replayed.alter(path, created=f"2026-02-{day:02}T00:00:00+00:00")
    return place
