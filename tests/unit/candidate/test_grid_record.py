"""``grid.json`` and the folders of a grid: what is shared, what broke, what was chosen."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from smallscale_ci.candidate.grid_record import RECORD, Broken, GridFolder, GridRecord
from smallscale_ci.candidate.record import CandidateRequest
from smallscale_ci.config.pairs import PairPolicy
from smallscale_ci.errors import DataError, InvalidError, UsageError

STARTED = GridRecord(
    id="g",
    created="2026-11-28T10:00:00+00:00",
    package="0.1.0",
    grid={"name": "g", "members": [{"recipe": "lcpo"}]},
    file="/configs/grids/g.yaml",
    request=CandidateRequest(
        model="m",
        recipe="g",
        train_suite="train",
        eval_suite="held-out",
        profile="vllm",
        samples=16,
        policy=PairPolicy(difficulty=("easy",)),
    ),
)


@pytest.fixture
def grid(tmp_path: Path) -> GridFolder:
    folder = GridFolder(tmp_path / "g")
    folder.write(STARTED)
    return folder


def test_the_record_is_kept_as_it_was(grid: GridFolder) -> None:
    assert grid.exists()
    assert grid.read() == STARTED
    grid.note("a", Broken("training ran out of memory", "Lower micro_batch."))
    grid.choose("b")
    found = grid.read()
    assert found.broken == {"a": Broken("training ran out of memory", "Lower micro_batch.")}
    assert found.chosen == "b"
    assert (found.grid, found.request) == (STARTED.grid, STARTED.request)


def test_a_member_whose_folder_was_removed_is_tried_again(grid: GridFolder) -> None:
    for name in ("a", "b"):
        grid.note(name, Broken("no"))
    grid.member("b").path.mkdir(parents=True)
    assert [*grid.broken()] == ["b"]
    assert [*grid.read().broken] == ["a", "b"]  # what happened stays written


def test_members_share_answers_pairs_and_parent_and_nothing_else(grid: GridFolder) -> None:
    member, fresh = grid.member("a"), grid.fresh("a")
    for step in ("sample", "pairs", "parent"):
        assert member.of(step) == grid.base.of(step) == grid.path / step
    for step in ("train", "verdict"):
        assert member.of(step) == grid.path / "members" / "a" / step
    # On new samples the parent is asked again, and the model is the member's.
    assert fresh.model == member.model
    assert [fresh.of(step) for step in ("sample", "pairs")] == [
        grid.path / "sample",
        grid.path / "pairs",
    ]
    assert [fresh.of(step).parent.name for step in ("parent", "verdict")] == ["fresh", "fresh"]


def test_a_folder_that_is_no_grid(tmp_path: Path) -> None:
    assert not GridFolder(tmp_path).exists()
    with pytest.raises(UsageError, match="is not the folder of a grid") as caught:
        GridFolder(tmp_path).read()
    assert "candidates/" in caught.value.hint


def changed(**values: object) -> Callable[[str], str]:
    return lambda text: json.dumps({**json.loads(text), **values})


@pytest.mark.parametrize(
    ("damage", "error", "said"),
    [
        (lambda text: text[: len(text) // 2], DataError, "is damaged"),
        (lambda _: "", DataError, "is damaged"),
        (changed(schema_version="9"), InvalidError, "schema '9'"),
        (changed(broken={"a": {}}), DataError, r"broken\.a\.message"),
        (changed(request=[]), DataError, "request must be"),
    ],
)
def test_a_damaged_record_is_told_with_a_way_out(grid, damage, error, said) -> None:
    path = grid.path / RECORD
    path.write_text(damage(path.read_text()))
    with pytest.raises(error, match=said) as caught:
        grid.read()
    assert str(path) in caught.value.message
    assert caught.value.hint == "Restore it, or start a new grid."
