"""``pairs.json``: written and read again, and what a damaged one ends in."""

import json

import pytest
from helpers.training import write_pairs

from smallscale_ci.errors import DataError, InvalidError
from smallscale_ci.pairs import record
from smallscale_ci.pairs.record import PAIRS, RECORD, Screening


@pytest.fixture
def folder(tmp_path):
    """Complete pairs."""
    return write_pairs(tmp_path / "pairs")


def change(folder, *path, to):
    """Set or, with ``...``, remove the value at ``path`` of ``pairs.json``."""
    value = json.loads((folder / RECORD).read_text())
    at = value
    for key in path[:-1]:
        at = at[key]
    if to is ...:
        del at[path[-1]]
    else:
        at[path[-1]] = to
    (folder / RECORD).write_text(json.dumps(value))


def test_what_was_written_is_read(folder):
    found = record.read(folder)
    assert (found.run_id, found.counts.pairs, found.screening) == ("r", 16, None)
    assert found.checkpoint.name == "m"
    assert found.policy["policy"] == "shortest-correct-vs-longest"


def test_pairs_of_another_file_or_none_are_refused(folder, tmp_path):
    with (folder / PAIRS).open("a") as stream:
        stream.write("{}\n")
    with pytest.raises(DataError, match=r"is not the file that pairs\.json describes"):
        record.read(folder)
    with pytest.raises(DataError, match="holds no complete preference pairs") as told:
        record.read(tmp_path / "elsewhere")
    assert "smallscale pairs RUN" in told.value.hint


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        (("counts",), ..., "it lacks counts"),
        (("counts", "easy"), "many", r"counts\.easy must be a whole number"),
        (("checkpoint",), {}, r"it lacks checkpoint\.name"),
        (("policy",), [], "policy must be a mapping"),
        (("lengths",), {"chosen": 3}, r"lengths\.chosen must be a mapping"),
        (("screening",), {"pairs": 1}, r"it lacks screening\.malformed"),
        (("schema_version",), ..., "it lacks schema_version"),
    ],
)
def test_a_damaged_record_is_told_by_its_field(folder, path, value, why):
    change(folder, *path, to=value)
    with pytest.raises(DataError, match=f"is damaged: {why}") as told:
        record.read(folder)
    assert told.value.hint


@pytest.mark.parametrize("content", [b"", b"[]", b'{"schema_version": "1"', b"\xff", b'{"a": NaN}'])
def test_what_is_not_a_json_object_is_damage(folder, content):
    (folder / RECORD).write_bytes(content)
    with pytest.raises(DataError, match="is damaged"):
        record.read(folder)


def test_a_later_schema_is_refused(folder):
    change(folder, "schema_version", to="9")
    with pytest.raises(InvalidError, match="of schema '9'"):
        record.read(folder)


def test_the_share_that_would_be_lost():
    assert Screening(10, 1, 1, 100, 200).lost_share == 0.2
    assert Screening(0, 0, 0, 100, 0).lost_share == 0
