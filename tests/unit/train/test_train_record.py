"""``train.json`` as it was written, and as damage leaves it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from smallscale_ci.checkpoint.model import Checkpoint
from smallscale_ci.errors import DataError, InvalidError
from smallscale_ci.files import write_json
from smallscale_ci.pairs.record import Counts
from smallscale_ci.run.manifest import Status
from smallscale_ci.train.record import MANIFEST, Losses, PairsUsed, Steps, TrainRecord, World, read

PARENT = Checkpoint("m", Path("/models/m"), "org/m", *"abcd", 9, "e")
COUNTS = Counts(problems=20, easy=16, medium=3, hard=1, eligible=16, pairs=16)
MADE = TrainRecord(
    status=Status("running"),
    parent=PARENT,
    pairs=PairsUsed("/pairs", 16, "1", "run", "sums", "2", {"policy": "x"}, COUNTS, {"k": True}),
    recipe={"name": "lcpo", "lora_target": ["q_proj"], "steps": None},
    world=World(2, 1, gpu=True),
    steps=Steps(8, 4),
    sessions=({"began": "2026-11-28T10:00:00+00:00", "from": ""},),
    loss=Losses(0.7, None),
    tokens=1234,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_json(tmp_path / MANIFEST, MADE)
    return tmp_path / MANIFEST


def test_all_that_was_written_is_read_again(file: Path) -> None:
    assert read(file.parent) == MADE


def test_what_a_newer_version_adds_is_left_out_and_what_an_older_lacks_is_as_it_was(file) -> None:
    value = json.loads(file.read_text())
    for name in ("tokens", "loss", "versions", "package", "sessions"):
        del value[name]
    file.write_text(json.dumps({**value, "new": 1}))
    found = read(file.parent)
    assert (found.tokens, found.loss, found.versions, found.sessions) == (None, None, {}, ())
    assert found.parent == PARENT


def changed(**values: object) -> Callable[[str], str]:
    return lambda text: json.dumps({**json.loads(text), **values})


@pytest.mark.parametrize(
    ("damage", "error", "said"),
    [
        (lambda text: text[:-9], DataError, "is damaged"),
        (lambda text: text.replace("1234", "NaN"), DataError, "is damaged"),
        (changed(status="finished"), DataError, "status"),
        (changed(world={"ranks": "two"}), DataError, r"world\.ranks"),
        (changed(parent={}), DataError, r"it lacks parent\.name"),
        (changed(schema_version=None), DataError, "schema"),
        (changed(schema_version="2"), InvalidError, "schema '2'"),
    ],
)
def test_a_damaged_record_says_what_to_do(file: Path, damage, error, said) -> None:
    file.write_text(damage(file.read_text()))
    with pytest.raises(error, match=said) as caught:
        read(file.parent)
    assert caught.value.hint == "Restore it, or train again in another folder."


def test_a_folder_without_one_says_the_same(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"There is no .*train\.json") as caught:
        read(tmp_path)
    assert "train again" in caught.value.hint
