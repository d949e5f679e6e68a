"""What the training environment says before anything is trained, and what is made of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smallscale_ci.config.train import TrainRecipe
from smallscale_ci.errors import DataError, EngineError, SmallscaleError, StorageError, UsageError
from smallscale_ci.train.launch import LocalRunner
from smallscale_ci.train.llamafactory import Place
from smallscale_ci.train.preflight import Answer, ask
from smallscale_ci.worker.train.entry import FAILED

RECIPE = TrainRecipe(name="r", objective="lcpo", learning_rate=2e-5, steps=8, max_cut=0.1)
VERSIONS = {"llamafactory": "0.9.5"}
KNOWN: dict[str, Any] = {"versions": VERSIONS, "gpus": 0, "unknown": {}, "invalid": ""}


@pytest.fixture
def asked(tmp_path: Path) -> Callable[..., Answer]:
    """Asks an environment whose Python is a shell script; the folder may hold an old answer."""

    def run(script: str, stage: str = "dpo") -> Answer:
        python = tmp_path / "python"
        python.write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(0o755)
        runner = LocalRunner(python, {"PATH": "/usr/bin:/bin"}, ranks=1, nodes=1, gpus=())
        place = Place("/model", "/pairs", str(tmp_path / "out"), ranks=1)
        return ask(runner, place, {"stage": stage, "cutoff_len": 9}, tmp_path / "out")

    return run


def answering(**more: Any) -> str:
    return f"cat > \"$3.answer\" <<'END'\n{json.dumps({**KNOWN, **more})}\nEND"


def test_the_answer_is_what_the_environment_wrote(asked, tmp_path) -> None:
    found = asked(answering(cut=1, lengths=[[5, 9, 2], [30, 1, 1]]))
    assert (found.versions, found.gpus, found.cut) == (VERSIONS, 0, 1)
    assert found.lengths == ((5, 9, 2), (30, 1, 1))
    assert found.longest == 31
    request = json.loads((tmp_path / "out" / "settings" / "check.json").read_text())
    assert request == {
        "settings": {"stage": "dpo", "cutoff_len": 9},
        "pairs": "/pairs/pairs.jsonl",
    }
    asked(answering(), stage="sft")
    request = json.loads((tmp_path / "out" / "settings" / "check.json").read_text())
    assert request["pairs"] == "/pairs/sft.jsonl"
    assert Answer(**KNOWN).longest == 0


def test_an_answer_of_before_is_none_of_now(asked) -> None:
    asked(answering())
    with pytest.raises(EngineError, match="it ended"):
        asked("exit 0")


@pytest.mark.parametrize(
    ("kind", "failed", "error", "told", "hint"),
    [
        (
            "other",
            "ModuleNotFoundError: No module named 'torch'",
            EngineError,
            "cannot be used",
            "engine install train-cpu",
        ),
        (
            "other",
            "KeyError: 'added_tokens'",
            EngineError,
            "Checkpoint and pairs cannot be read",
            "check.log",
        ),
        (
            "disk-full",
            "OSError: [Errno 28] No space left on device",
            StorageError,
            "could not write to",
            "Free disk space",
        ),
        ("out-of-memory", "MemoryError: ", EngineError, "ran out of memory", "memory_gib"),
    ],
)
def test_only_an_environment_that_lacks_something_is_to_be_made_anew(
    asked, kind: str, failed: str, error: type[SmallscaleError], told: str, hint: str
) -> None:
    said = f"{FAILED}{json.dumps({'kind': kind, 'message': failed})}"
    with pytest.raises(error, match=told) as caught:
        asked(f"cat <<'END'\n{said}\nEND\nexit 1")
    assert type(caught.value) is error
    assert failed in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        (
            {"unknown": {"cutoff": "cutoff_len"}},
            UsageError,
            r"has no 'cutoff' \(did you mean",
        ),
        ({"unknown": {"zzz": ""}}, UsageError, r"has no 'zzz'\."),
        ({"invalid": "bf16 needs a GPU"}, UsageError, "refuses the recipe 'r': bf16 needs a GPU"),
        (
            {"difference": {"at": 7, "training": "</s>", "checkpoint": "<|im_end|>"}},
            UsageError,
            "from token 7 on, '</s>' instead of",
        ),
        ({"dropped": 6, "cut": 5}, DataError, "drop 6 of 100 pairs as malformed and cut 5"),
    ],
)
def test_what_may_not_be_trained_with_is_refused_with_a_remedy(changes, error, said) -> None:
    with pytest.raises(error, match=said) as caught:
        Answer(**{**KNOWN, **changes}).refuse(RECIPE, 100)
    assert caught.value.hint


def test_losses_up_to_the_recipe_s_bound_are_none() -> None:
    Answer(**KNOWN, dropped=5, cut=5).refuse(RECIPE, 100)
    Answer(**KNOWN).refuse(RECIPE, 0)
