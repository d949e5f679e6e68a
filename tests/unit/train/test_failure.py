"""Why a training ended, from what its ranks said and how they died."""

import json
from pathlib import Path

import pytest

from smallscale_ci.errors import EngineError, StorageError
from smallscale_ci.train.failure import failure
from smallscale_ci.train.launch import Printed
from smallscale_ci.worker.train.entry import FAILED, mark_whole


def printed(tmp_path: Path, text: str) -> Printed:
    found = Printed(tmp_path / "log")
    found.feed(text.encode())
    return found


@pytest.mark.parametrize(
    ("kind", "error", "said", "hint"),
    [
        ("not-finite", EngineError, "was stopped: it is nan", "Lower learning_rate"),
        ("out-of-memory", EngineError, "ran out of memory", "zero3"),
        ("disk-full", StorageError, "could not be written", "Free disk space"),
        ("other", EngineError, "Training failed: it is nan", "--resume"),
    ],
)
def test_failures_have_a_remedy(tmp_path: Path, kind, error, said, hint) -> None:
    told = json.dumps({"kind": kind, "message": "E: it is nan"})
    found = failure(printed(tmp_path, f"{FAILED}{told}\n"), 1, tmp_path)
    assert type(found) is error
    assert said in found.message
    assert hint in found.hint
    assert "no checkpoint" in found.message
    assert found.exit_code == 3


def test_a_killed_rank_is_the_cause_also_of_what_others_say(tmp_path: Path) -> None:
    other = json.dumps({"kind": "other", "message": "RuntimeError: connection closed by peer"})
    text = (
        f"loading\n{FAILED}{other}\nRoot Cause (first observed failure):\n"
        "  exitcode  : -9 (pid: 7)\n  traceback : Signal 9 (SIGKILL) received by PID 7\n"
        "  traceback : Signal 15 (SIGTERM) received by PID 8\n"
    )
    found = failure(printed(tmp_path, text), 1, tmp_path)
    assert "A rank was killed (signal 9, SIGKILL)" in found.message
    assert "loading" in found.log_tail
    ended = failure(printed(tmp_path, "what\n"), 7, tmp_path)
    assert "ended with code 7" in ended.message


@pytest.mark.parametrize("code", [-9, 137, -15, 143])
def test_a_training_that_was_killed_as_a_whole_is_told_as_that(tmp_path: Path, code: int) -> None:
    """The system's killer takes torchrun itself, too; a container dies with 128 + the signal."""
    found = failure(printed(tmp_path, "loading\n"), code, tmp_path)
    number = -code if code < 0 else code - 128
    assert f"Training was killed (signal {number}, SIG" in found.message
    assert "if memory runs out" in found.hint
    assert "--resume" in found.hint
    assert "no checkpoint had been saved" in found.message


def test_the_last_whole_checkpoint_is_named(tmp_path: Path) -> None:
    last = tmp_path / "checkpoints" / "checkpoint-8"
    last.mkdir(parents=True)
    mark_whole(last)
    told = json.dumps({"kind": "not-finite", "message": "E: the loss of step 9 is nan"})
    found = failure(printed(tmp_path, f"{FAILED}{told}\n"), 1, tmp_path)
    assert "the loss of step 9 is nan. checkpoint-8 is whole" in found.message
    assert str(last) in found.hint


def test_a_deadline_is_gone_on_from_where_a_checkpoint_was_saved(tmp_path: Path) -> None:
    told = printed(tmp_path, "step 7\n")
    told.failure = {"kind": "deadline", "message": "container.deadline_h"}
    found = failure(told, 124, tmp_path)
    assert "reached its deadline; no checkpoint had been saved" in found.message
    assert found.hint.startswith("Raise container.deadline_h")
    (last := tmp_path / "checkpoints" / "checkpoint-8").mkdir(parents=True)
    mark_whole(last)
    found = failure(told, 124, tmp_path)
    assert found.hint.startswith("Resume with: smallscale train --resume")
    assert "container.deadline_h" in found.hint
