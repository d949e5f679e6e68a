"""``baseline.json``: what git gets of it, and what is read again."""

import json
from pathlib import Path

import pytest

from smallscale_ci.errors import DataError, InvalidError
from smallscale_ci.run.baseline_record import HISTORY, parse

STORED = sorted((Path(__file__).parents[3] / "baselines").rglob("baseline.json"))


@pytest.mark.parametrize("path", STORED, ids=lambda path: "-".join(path.parts[-4:-1]))
def test_every_stored_record_is_read_and_holds_nothing_of_a_machine(path):
    record = parse(path.read_bytes(), "x")
    assert (
        path.parts[-4:-1] == (record.suite, record.profile, record.model) or HISTORY in path.parts
    )
    assert parse(json.dumps(record.to_json()).encode(), "x") == record
    manifest = record.to_json()["manifest"]
    assert "path" not in manifest["checkpoint"]
    assert not Path(manifest["checkpoint"]["source"]).is_absolute()
    assert record.kept.parts[0] == HISTORY


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"suite": 3}, DataError, "suite"),
        ({"manifest": {"schema_version": "9"}}, InvalidError, "schema"),
        ({"schema_version": None}, DataError, ""),
    ],
)
def test_a_damaged_record_names_itself(change, error, said):
    value = {**json.loads(STORED[0].read_bytes()), **change}
    with pytest.raises(error, match=f"(?i)the baseline x.*{said}"):
        parse(json.dumps(value).encode(), "x")
