"""``candidate``: what is asked for again has to be what was started."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import replayed

from smallscale_ci.candidate.folder import CandidateFolder
from smallscale_ci.candidate.record import CandidateRecord, CandidateRequest, Parent
from smallscale_ci.cli import candidate
from smallscale_ci.cli.candidate_options import Training
from smallscale_ci.cli.command import Context
from smallscale_ci.config.pairs import PairPolicy
from smallscale_ci.errors import UsageError
from smallscale_ci.run.manifest import SuiteId

CONTEXT = Context(json=False, quiet=False, verbose=False)
REQUEST = CandidateRequest(
    model="m", recipe="lcpo", train_suite="tiny", eval_suite="tiny", profile="replay", samples=16,
    policy=PairPolicy(),
)  # fmt: skip


@pytest.fixture
def started(tmp_path):
    """A candidate's folder, in a folder whose name has a blank."""
    folder = CandidateFolder(tmp_path / "my candidates" / "c")
    folder.begin(
        CandidateRecord(
            id="c",
            created="2026-11-28T10:00:00+00:00",
            package="0.1.0",
            parent=Parent("m", "m", *"abcd"),
            recipe={"name": "lcpo"},
            train_suite=SuiteId("tiny", "1"),
            eval_suite=SuiteId("tiny", "1"),
            request=REQUEST,
        )
    )
    return folder


def folder_of(started, request):
    settings = replayed.settings(started.path.parent)
    return candidate._folder(started.path, request, settings, CONTEXT)


def test_the_same_candidate_is_resumed(started, capsys):
    assert folder_of(started, REQUEST).path == started.path
    assert "resuming it" in capsys.readouterr().err


def test_another_in_its_place_is_refused_with_what_differs(started):
    with pytest.raises(UsageError, match="started with another model, samples") as caught:
        folder_of(started, replace(REQUEST, model="other", samples=8))
    words = shlex.split(caught.value.hint.replace(",", " "))
    assert words[words.index("--resume") + 1] == str(started.path)
    assert words[words.index("--sample") + 1] == str(started.path / "sample")


def test_under_rules_no_results_from_elsewhere_are_taken(started):
    with pytest.raises(UsageError, match="no earlier results are used"):
        folder_of(started, replace(REQUEST, rules="c" * 40))
    with pytest.raises(UsageError, match="--resume keeps the rules"):
        candidate._resumed(started.path, "git:main")
    assert candidate._resumed(started.path, "").path == started.path


def test_files_are_named_by_their_full_paths(tmp_path, monkeypatch):
    """A candidate may be resumed from another folder."""
    (tmp_path / "mine.yaml").write_text("")
    monkeypatch.chdir(tmp_path)
    assert candidate._whole("mine.yaml") == str(tmp_path / "mine.yaml")
    assert candidate._whole("lcpo") == "lcpo"
    assert candidate._model(".") == str(tmp_path)
    assert candidate._model("org/name@main") == "org/name@main"
    with pytest.raises(UsageError, match="Missing argument MODEL"):
        candidate._model("")


@pytest.mark.parametrize(
    ("runtime", "trains"), [(None, None), ("auto", "auto"), ("docker", "docker"), ("ray", None)]
)
def test_a_runtime_that_only_generates_leaves_open_where_to_train(runtime, trains):
    asked = replace(REQUEST, runtime=runtime, train_ranks=2, gpus=("0", "1"))
    found = candidate._wanted(asked, Training(train_python=Path("/py")))
    assert (found.runtime, found.ranks, found.gpus) == (trains, 2, ("0", "1"))
    assert found.python == Path("/py")
