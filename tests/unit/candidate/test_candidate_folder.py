from pathlib import Path

import pytest

from smallscale_ci.candidate.folder import CandidateFolder, CandidateRequest
from smallscale_ci.config.pairs import PairPolicy
from smallscale_ci.errors import InvalidError, UsageError

REQUEST = CandidateRequest(
    model="m",
    recipe="lcpo",
    train_suite="train",
    eval_suite="held-out",
    gate=None,
    profile="vllm",
    samples=16,
    eval_epochs=2,
    policy=PairPolicy(difficulty=("easy", "medium"), max_pairs=800),
    gpus=("0", "1"),
)


@pytest.fixture
def folder(tmp_path) -> CandidateFolder:
    """A candidate that was started."""
    folder = CandidateFolder(tmp_path / "c")
    folder.begin(REQUEST, {"id": "c"})
    return folder


def make(folder: CandidateFolder, step: str, name: str, text: str = "{}") -> Path:
    path = folder.of(step) / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_the_request_is_kept_as_it_was(folder):
    assert folder.request() == REQUEST
    assert not any(folder.is_complete(step) for step in ("sample", "train", "verdict"))


def test_a_step_is_complete_with_what_it_made_and_was_made_from(folder):
    make(folder, "sample", "judgements.parquet")
    folder.complete("sample", run=str(folder.of("sample")))
    make(folder, "pairs", "pairs.json")
    folder.complete("pairs", seconds=1.0)
    assert folder.is_complete("sample")
    assert folder.is_complete("pairs")
    steps = folder.read()["steps"]
    assert steps["pairs"]["made_from"] == {"sample": steps["sample"]["made"]}


@pytest.mark.parametrize("changed", ["sample", "pairs"])
def test_what_changed_afterwards_is_refused(folder, changed):
    sampled = make(folder, "sample", "judgements.parquet")
    folder.complete("sample", run=str(folder.of("sample")))
    made = make(folder, "pairs", "pairs.json")
    folder.complete("pairs")
    {"sample": sampled, "pairs": made}[changed].write_text("other")
    with pytest.raises(InvalidError, match=f"step '{changed}'") as told:
        folder.is_complete(changed)
    assert "--out" in told.value.hint


def test_a_step_that_was_done_again_makes_those_after_it_invalid(folder):
    sampled = make(folder, "sample", "judgements.parquet")
    folder.complete("sample", run=str(folder.of("sample")))
    make(folder, "pairs", "pairs.json")
    folder.complete("pairs")
    sampled.write_text("sampled again")
    folder.complete("sample", run=str(folder.of("sample")))
    assert folder.is_complete("sample")
    with pytest.raises(InvalidError, match="step 'pairs'"):
        folder.is_complete("pairs")


def test_a_folder_of_something_else(tmp_path, folder):
    with pytest.raises(UsageError, match="not a candidate folder"):
        CandidateFolder(tmp_path).read()
    folder.note(schema_version="9")
    with pytest.raises(InvalidError, match="schema '9'"):
        folder.read()
