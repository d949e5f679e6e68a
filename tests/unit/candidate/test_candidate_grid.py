"""What a grid is, and that one that was started is not changed underway."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from smallscale_ci.candidate.grid import Grid, begin, is_grid
from smallscale_ci.candidate.grid_record import GridFolder, GridRecord
from smallscale_ci.candidate.record import CandidateRequest
from smallscale_ci.config.grid import GridArm, GridConfig
from smallscale_ci.config.pairs import PairPolicy
from smallscale_ci.errors import ConfigError, InvalidError, UsageError

ROOTS = (Path(__file__).parents[3] / "configs",)
CONFIG = GridConfig(name="g", members=(GridArm(recipe="lcpo"),))
REQUEST = CandidateRequest(
    model="m", recipe="g", train_suite="a", eval_suite="b", profile="vllm", samples=1,
    policy=PairPolicy(difficulty=("easy",)),
)  # fmt: skip


def grid(place: Path, config: GridConfig = CONFIG, **more: str) -> Grid:
    record = GridRecord(
        id="g", created="2026-11-28T10:00:00+00:00", package="1", file="/grids/g.yaml",
        grid=config.model_dump(mode="json"), request=REQUEST, **more,
    )  # fmt: skip
    nobody = cast("Any", None)  # no step is done here
    return Grid(GridFolder(place), record, config, nobody, nobody)


def test_a_recipe_is_a_grid_by_its_name_or_its_members(tmp_path: Path):
    assert is_grid("grid", ROOTS)
    assert not is_grid("lcpo", ROOTS)
    file = tmp_path / "own.yaml"
    file.write_text('{"name": "own", "members": [{"recipe": "lcpo"}]}')
    assert is_grid(str(file), ROOTS)
    file.write_text("name: own\nobjective: lcpo\n")
    assert not is_grid(str(file), ROOTS)
    with pytest.raises(UsageError, match=r"no train recipe or grid 'gird' \(did you mean 'grid'"):
        is_grid("gird", ROOTS)


def test_a_file_that_is_damaged_or_not_there_is_no_grid(tmp_path: Path):
    assert not is_grid(str(tmp_path / "none.yaml"), ROOTS)
    file = tmp_path / "own.yaml"
    for text in ("", "[members]", "members"):
        file.write_text(text)
        assert not is_grid(str(file), ROOTS)
    file.write_text("members: [")
    with pytest.raises(ConfigError):
        is_grid(str(file), ROOTS)


def test_a_grid_that_was_started_is_gone_on_with_and_not_changed(tmp_path: Path):
    started = grid(tmp_path / "g")
    begin(started)
    started.folder.choose("a")
    begin(started)
    assert started.folder.read() == replace(started.record, chosen="a")
    other = CONFIG.model_copy(update={"max_loss": 0.5})
    for changed in (grid(tmp_path / "g", other), grid(tmp_path / "g", fresh_suite="c")):
        with pytest.raises(InvalidError, match="The grid changed since") as caught:
            begin(changed)
        assert "/grids/g.yaml" in caught.value.hint
    assert started.folder.read().chosen == "a"
