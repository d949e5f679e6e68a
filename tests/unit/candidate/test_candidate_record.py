"""``candidate.json`` as it was before it was typed, and as damage leaves it."""

import copy
import json

import pytest

from smallscale_ci.candidate import record
from smallscale_ci.candidate.record import RECORD
from smallscale_ci.errors import DataError

COUNTS = {"problems": 60, "easy": 20, "medium": 30, "hard": 10, "eligible": 20, "pairs": 20}
PARENT = {
    "name": "m",
    "source": "org/m",
    "config_hash": "a",
    "tokenizer_hash": "b",
    "template_hash": "c",
    "weights_hash": "d",
}
TRAINING = {
    "recipe": {"name": "lcpo"},
    "runtime": {"name": "local", "image": ""},
    "world": {"ranks": 1, "nodes": 1, "gpu": False},
    "versions": {"torch": "2.13.0"},
    "steps": {"planned": 4, "done": 4},
    "seconds": 31,
}
TRAIN, HELD_OUT = {"name": "train", "hash": "1"}, {"name": "held-out", "hash": "2"}
POLICY = {
    "name": "lcpo",
    "policy": "shortest-correct-vs-longest",
    "difficulty": ["easy"],
    "max_pairs": None,
}
WRITTEN = {
    "schema_version": "1",
    "id": "c",
    "created": "2026-11-20T10:00:00+00:00",
    "package": "0.1.0",
    "parent": PARENT,
    "recipe": {"name": "lcpo"},
    "train_suite": TRAIN,
    "eval_suite": HELD_OUT,
    "request": {
        "model": "m",
        "recipe": "lcpo",
        "train_suite": "train",
        "eval_suite": "held-out",
        "gate": None,
        "profile": "vllm",
        "samples": 16,
        "eval_epochs": None,
        "sample": "",
        "policy": POLICY,
        "overrides": ["recipe.steps=4"],
        "gpus": [],
        "seed": None,
    },
    "steps": {
        "sample": {"run": "/c/sample", "made": "s", "made_from": {}, "ended": "", "seconds": 3.5},
        "pairs": {
            "counts": {**COUNTS, "dropped": {"solved too rarely": 40}},
            "lengths": {"chosen": {"min": 3}, "rejected": {"min": 9}, "ratio": {"min": 3}},
            "made": "p",
            "made_from": {"sample": "s"},
            "ended": "",
            "seconds": 0.2,
        },
        "train": {"training": TRAINING, "made": "t", "made_from": {"pairs": "p"}, "seconds": 31.0},
    },
    "lineage": {
        "schema_version": "1",
        "name": "m-lcpo",
        "candidate": "c",
        "package": "0.1.0",
        "parent": PARENT,
        "recipe": "lcpo",
        "sample": {"run_id": "r", "judgements": "s", "suite": TRAIN},
        "pairs": {"sha256": "0", "policy": POLICY, "counts": {**COUNTS, "dropped": {}}},
        "train": {"weights_hash": "t", **TRAINING},
        "verdict": {
            "suite": HELD_OUT,
            "kind": "PASS",
            "policy": "smoke",
            "reasons": [{"kind": "holds", "sentence": "It holds."}],
            "checks": [{"task": "sums", "p_worse": None}],
        },
    },
}


def test_a_record_of_today_is_read(tmp_path):
    (tmp_path / RECORD).write_text(json.dumps(WRITTEN))
    found = record.read(tmp_path)
    assert found.request.policy.difficulty == ("easy",)
    assert found.request.overrides == ("recipe.steps=4",)
    assert found.steps["pairs"].counts.dropped == {"solved too rarely": 40}
    assert found.steps["train"].training.steps.done == 4
    assert found.lineage.train.weights_hash == "t"
    assert found.lineage.verdict.kind == "PASS"


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        (("steps",), [], "steps must be a mapping"),
        (("steps", "sample", "made"), ..., r"it lacks steps\.sample\.made"),
        (("steps", "pairs", "counts"), {}, r"it lacks steps\.pairs\.counts\.problems"),
        (("steps", "train", "training"), 3, r"steps\.train\.training must be a mapping"),
        (("request",), ..., "it lacks request"),
        (("request", "policy", "difficulty"), "easy", r"request\.policy\.difficulty must be"),
        (("request", "samples"), None, r"request\.samples must be a whole number"),
        (("lineage", "verdict", "kind"), "FINE", r"lineage\.verdict\.kind must be"),
        (("parent",), "m", "parent must be a mapping"),
        (("schema_version",), ..., "it lacks schema_version"),
    ],
)
def test_damage_is_told_by_its_field(tmp_path, path, value, why):
    damaged = copy.deepcopy(WRITTEN)
    at = damaged
    for key in path[:-1]:
        at = at[key]
    if value is ...:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    (tmp_path / RECORD).write_text(json.dumps(damaged))
    with pytest.raises(DataError, match=f"is damaged: {why}") as told:
        record.read(tmp_path)
    assert told.value.hint
