"""The curves of a training as one file."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from smallscale_ci.train import plots
from smallscale_ci.train.follow import Point


def point(step: int, loss: float = 0.5, **rewards: float) -> Point:
    return Point(step, 9, loss, rewards.get("accuracy"), rewards.get("margin"), 100, 1000.0)


def words(path: Path) -> set[str]:
    return {*ET.fromstring(path.read_text()).itertext()}


def test_the_plot_is_one_file_that_asks_for_nothing(tmp_path: Path) -> None:
    path = tmp_path / "loss.svg"
    plots.write([point(step, 0.5 / step, accuracy=0.75, margin=-0.1) for step in (1, 2, 3)], path)
    text = path.read_text()
    assert text.count("<svg") == 1
    assert "src=" not in text
    assert "@import" not in text
    assert {"loss", "reward margin", "reward accuracy"} <= words(path)
    plots.write([point(1)], path)
    assert "reward" not in path.read_text()


def test_rewards_that_only_some_steps_have_are_drawn_where_they_are(tmp_path: Path) -> None:
    path = tmp_path / "loss.svg"
    plots.write([point(1), point(2, margin=0.25), point(3)], path)
    assert {"reward margin", "2: 0.25"} <= words(path)


def test_a_plot_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "loss.svg"
    plots.write([point(1)], path)
    before = path.read_bytes()
    (tmp_path / ".loss.svg.part").mkdir()
    with pytest.raises(OSError, match="directory"):
        plots.write([point(1), point(2)], path)
    assert path.read_bytes() == before
