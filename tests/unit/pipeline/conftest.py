"""What plans are made in."""

from pathlib import Path

import pytest
from helpers import replayed


@pytest.fixture
def place(tmp_path) -> Path:
    replayed.make_configs(tmp_path, problems=6)
    replayed.record(replayed.make_run(tmp_path, "src", epochs=1), tmp_path / "baselines")
    return tmp_path
