"""What tests of the scheduler and its ranks begin with."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.scheduled import World

from smallscale_ci.generate.workfolder import WorkFolder


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Stored answers to replay."""
    return World(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[WorkFolder]:
    """A work folder that is open."""
    with WorkFolder(tmp_path / "work") as made:
        yield made
