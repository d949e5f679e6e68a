from pathlib import Path

import pytest

from smallscale_ci.train.checkpoints import discard_broken, is_whole, newest_whole, number
from smallscale_ci.worker.train.entry import WHOLE, mark_whole, rotate


def save(folder: Path, step: int, *, whole: bool = True) -> Path:
    path = folder / f"checkpoint-{step}"
    (path / f"global_step{step}").mkdir(parents=True)
    (path / "model.safetensors").write_bytes(b"w" * 100)
    (path / f"global_step{step}" / "optimiser.pt").write_bytes(b"o" * 200)
    if whole:
        mark_whole(path)
    return path


def test_the_newest_whole_one_by_number_not_by_name(tmp_path: Path) -> None:
    assert newest_whole(tmp_path / "nowhere") is None
    for step in (2, 9, 10):
        save(tmp_path, step)
    save(tmp_path, 11, whole=False)
    (tmp_path / "checkpoint-x").mkdir()
    assert newest_whole(tmp_path).name == "checkpoint-10"


@pytest.mark.parametrize("damage", ["cut", "gone", "mark", "list"])
def test_a_damaged_checkpoint_is_not_whole(tmp_path: Path, damage: str) -> None:
    path = save(tmp_path, 4)
    assert is_whole(path)
    inside = path / "global_step4" / "optimiser.pt"
    match damage:
        case "cut":
            inside.write_bytes(b"o" * 199)
        case "gone":
            inside.unlink()
        case "mark":
            (path / WHOLE).write_text("{")
        case "list":
            (path / WHOLE).write_text("[]")
    assert not is_whole(path)


def test_broken_ones_are_removed_and_others_stay(tmp_path: Path) -> None:
    save(tmp_path, 2)
    save(tmp_path, 4, whole=False)
    assert discard_broken(tmp_path) == ["checkpoint-4"]
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-2"]


def test_rotation_never_counts_what_is_not_whole(tmp_path: Path) -> None:
    for step in (2, 4, 10):
        save(tmp_path, step)
    save(tmp_path, 12, whole=False)
    rotate(tmp_path, 2)
    assert sorted(map(number, tmp_path.iterdir())) == [4, 10, 12]
    rotate(tmp_path, 1)
    assert sorted(map(number, tmp_path.iterdir())) == [10, 12]


def test_what_somebody_keeps_beside_them_is_nobody_s_checkpoint(tmp_path: Path) -> None:
    """A copy of a good one, a link to it, notes about it, an unfinished folder of another tool."""
    for step in (2, 4, 6):
        save(tmp_path, step)
    (tmp_path / "checkpoint-best").mkdir()
    mark_whole(tmp_path / "checkpoint-best")
    (tmp_path / "checkpoint-old-9").mkdir()
    mark_whole(tmp_path / "checkpoint-old-9")
    (tmp_path / "checkpoint-mine").mkdir()
    (tmp_path / "checkpoint-notes.txt").write_text("2 was best")
    (tmp_path / "checkpoint-latest").symlink_to("checkpoint-6")
    (tmp_path / "checkpoint-99").symlink_to("nowhere")
    kept = {"best", "old-9", "mine", "notes.txt", "latest", "99"}
    rotate(tmp_path, 1)
    assert discard_broken(tmp_path) == []
    names = {path.name.removeprefix("checkpoint-") for path in tmp_path.iterdir()}
    assert names == kept | {"6"}
    assert newest_whole(tmp_path).name == "checkpoint-6"
