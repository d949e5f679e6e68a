"""What tests of exports begin with."""

from pathlib import Path

import pytest
from helpers import replayed

from smallscale_ci.suite.model import Suite


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Suite]:
    """A run of 20 problems and two epochs, and its suite."""
    place = tmp_path_factory.mktemp("export")
    replayed.make_configs(place, problems=20)
    run = replayed.make_run(place, "src", epochs=2)
    return run, replayed.read_suite(place)[1]
