"""A verdict as an in-toto statement: what is its subject, and what is read back."""

import json
from pathlib import Path

import pytest

from smallscale_ci.checkpoint.model import Checkpoint
from smallscale_ci.errors import DataError, InvalidError
from smallscale_ci.files import to_json
from smallscale_ci.run.evidence import PREDICATE, STATEMENT, Predicate, Side, read, statement
from smallscale_ci.run.manifest import Package

MADE = Predicate(
    verdict={"kind": "PASS", "checks": []},
    verdict_sha256="1" * 64,
    policy={"name": "p"},
    candidate=Side("runs/a", "2" * 64, "a", "3" * 64),
    baseline=Side("git:main:s/p/m", "4" * 64),
    manifest_sha256="5" * 64,
    files={"summary.json": "6" * 64},
    package=Package("1.0"),
)


def model(digest: str) -> Checkpoint:
    return Checkpoint("m", Path("/models/m"), "m", "a", "b", "c", digest)


def test_what_is_stated_is_read_back(tmp_path):
    path = tmp_path / "evidence.intoto.json"
    path.write_text(json.dumps(statement(model("ab" * 32), MADE)))
    assert read(path) == MADE


def test_the_subject_is_the_weights_by_their_whole_hash():
    made = statement(model("ab" * 32), MADE)
    assert (made["_type"], made["predicateType"]) == (STATEMENT, PREDICATE)
    assert made["subject"] == [{"name": "m", "digest": {"sha256": "ab" * 32}}]


def test_a_shortened_hash_does_not_pass_for_a_sha256():
    (subject,) = statement(model("ab" * 8), MADE)["subject"]
    assert subject["digest"] == {"smallscaleWeights": "ab" * 8}


@pytest.mark.parametrize("changed", [{"_type": "x"}, {"predicateType": "https://slsa.dev/v1"}])
def test_another_s_statement_is_not_taken(tmp_path, changed):
    path = tmp_path / "slsa.json"
    path.write_text(json.dumps({**statement(model("a"), MADE), **changed}))
    with pytest.raises(InvalidError, match="not a statement on a verdict of smallscale") as caught:
        read(path)
    assert "smallscale compare" in caught.value.hint


@pytest.mark.parametrize(
    "predicate", [None, [], {}, {**to_json(MADE), "files": 7}, {**to_json(MADE), "verdict": "x"}]
)
def test_a_damaged_statement_is_told_by_its_file(tmp_path, predicate):
    path = tmp_path / "evidence.json"
    path.write_text(json.dumps({**statement(model("a"), MADE), "predicate": predicate}))
    with pytest.raises(DataError, match=r"evidence\.json"):
        read(path)
