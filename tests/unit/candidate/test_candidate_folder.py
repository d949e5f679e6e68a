import json
from dataclasses import replace
from pathlib import Path

import pytest

from smallscale_ci.candidate.folder import CandidateFolder
from smallscale_ci.candidate.record import (
    RECORD,
    CandidateRecord,
    CandidateRequest,
    Done,
    Parent,
    Training,
)
from smallscale_ci.config.pairs import PairPolicy
from smallscale_ci.errors import InvalidError, UsageError
from smallscale_ci.run.manifest import SuiteId
from smallscale_ci.train.record import Losses, Steps, World

REQUEST = CandidateRequest(
    model="m",
    recipe="lcpo",
    train_suite="train",
    eval_suite="held-out",
    profile="vllm",
    samples=16,
    eval_epochs=2,
    policy=PairPolicy(difficulty=("easy", "medium"), max_pairs=800),
    gpus=("0", "1"),
)
STARTED = CandidateRecord(
    id="c",
    created="2026-11-28T10:00:00+00:00",
    package="0.1.0",
    parent=Parent("m", "m", *"abcd"),
    recipe={"name": "lcpo", "targets": ["q_proj"]},
    train_suite=SuiteId("train", "1"),
    eval_suite=SuiteId("held-out", "2"),
    request=REQUEST,
)


@pytest.fixture
def folder(tmp_path) -> CandidateFolder:
    """A candidate that was started."""
    folder = CandidateFolder(tmp_path / "c")
    folder.begin(STARTED)
    return folder


def make(folder: CandidateFolder, step: str, name: str, text: str = "{}") -> Path:
    path = folder.of(step) / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def sampled(folder: CandidateFolder) -> Path:
    path = make(folder, "sample", "judgements.parquet")
    folder.complete("sample", Done(run=str(folder.of("sample"))))
    return path


def test_the_record_is_kept_as_it_was(folder):
    assert folder.read() == STARTED
    assert not any(folder.is_complete(step) for step in ("sample", "train", "verdict"))


def test_a_step_is_complete_with_what_it_made_and_was_made_from(folder):
    sampled(folder)
    make(folder, "pairs", "pairs.json")
    folder.complete("pairs", Done(), seconds=1.0)
    assert folder.is_complete("sample")
    assert folder.is_complete("pairs")
    steps = folder.read().steps
    assert steps["pairs"].made_from == {"sample": steps["sample"].made}
    assert folder.sampled(folder.read()) == folder.of("sample")


def test_what_a_step_says_of_its_work_is_kept_without_what_it_does_not_say(folder):
    said = Training(
        recipe={"name": "lcpo", "max_grad_norm": None},
        runtime={"name": "local"},
        world=World(2),
        versions={"torch": "2.13.0"},
        steps=Steps(8, 8),
        loss=Losses(0.7, None),
        seconds=12,
    )
    folder.complete("sample", Done(training=said))
    assert folder.read().steps["sample"].training == said
    written = json.loads((folder.path / RECORD).read_text())["steps"]["sample"]
    assert set(written) == {"ended", "made", "made_from", "seconds", "training"}
    assert written["training"]["recipe"] == {"name": "lcpo", "max_grad_norm": None}


@pytest.mark.parametrize("changed", ["sample", "pairs"])
def test_what_changed_afterwards_is_refused(folder, changed):
    before = sampled(folder)
    made = make(folder, "pairs", "pairs.json")
    folder.complete("pairs", Done())
    {"sample": before, "pairs": made}[changed].write_text("other")
    with pytest.raises(InvalidError, match=f"step '{changed}'") as told:
        folder.is_complete(changed)
    assert "--out" in told.value.hint


def test_a_step_that_was_done_again_makes_those_after_it_invalid(folder):
    before = sampled(folder)
    make(folder, "pairs", "pairs.json")
    folder.complete("pairs", Done())
    before.write_text("sampled again")
    folder.complete("sample", Done(run=str(folder.of("sample"))))
    assert folder.is_complete("sample")
    with pytest.raises(InvalidError, match="step 'pairs'"):
        folder.is_complete("pairs")


def test_a_folder_of_something_else(tmp_path, folder):
    with pytest.raises(UsageError, match="not a candidate folder"):
        CandidateFolder(tmp_path).read()
    folder.begin(replace(STARTED, schema_version="9"))
    with pytest.raises(InvalidError, match="schema '9'"):
        folder.read()
