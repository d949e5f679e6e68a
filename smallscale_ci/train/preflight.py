"""LLaMA-Factory's checks of settings and pairs before anything is trained."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smallscale_ci.config.train import TrainRecipe
from smallscale_ci.errors import (
    DataError,
    EngineError,
    SmallscaleError,
    StorageError,
    UsageError,
)
from smallscale_ci.pairs.dataset import SFT
from smallscale_ci.pairs.record import PAIRS
from smallscale_ci.train.launch import Runner
from smallscale_ci.train.llamafactory import Place

_REQUEST = "check.json"
_POLL_S = 0.1
_LACKING = ("it ended", "ImportError", "ModuleNotFoundError")  # of a broken environment


@dataclass(frozen=True, slots=True)
class Answer:
    """The findings. Lengths in tokens: (prompt, chosen, rejected), for SFT without the last."""

    versions: Mapping[str, str]
    gpus: int
    unknown: Mapping[str, str]  # unknown key → the nearest that LLaMA-Factory has, if any
    invalid: str
    difference: Mapping[str, Any] | None = None
    dropped: int = 0
    cut: int = 0
    lengths: tuple[tuple[int, ...], ...] = ()

    @property
    def longest(self) -> int:
        """Tokens of the longest prompt together with its longer answer."""
        return max((length[0] + max(length[1:]) for length in self.lengths), default=0)

    def refuse(self, recipe: TrainRecipe, count: int) -> None:
        """Raise ``UsageError`` or ``DataError`` if ``recipe`` must not be trained with."""
        if self.unknown:
            raise UsageError(
                f"LLaMA-Factory {self.versions.get('llamafactory', '')} has no "
                f"{_named(self.unknown)}.",
                f"Correct `extra` in the recipe '{recipe.name}'.",
            )
        if self.invalid:
            raise UsageError(
                f"LLaMA-Factory refuses the recipe '{recipe.name}': {self.invalid}",
                "Correct it; the settings are shown by --dry-run.",
            )
        if self.difference:
            found = self.difference
            raise UsageError(
                f"The template '{recipe.template}' gives other tokens than the checkpoint's chat "
                f"template: they differ from token {found['at']} on, "
                f"{found['training']!r} instead of {found['checkpoint']!r}.",
                "Leave `template` out of the recipe: the checkpoint's own is used then.",
            )
        lost = self.dropped + self.cut
        if lost > recipe.max_cut * count:
            raise DataError(
                f"LLaMA-Factory would drop {self.dropped} of {count} pairs as malformed and cut "
                f"{self.cut} at {recipe.cutoff_len} tokens: more than {recipe.max_cut:.0%}.",
                "Raise cutoff_len, make pairs with a limit on tokens, or raise max_cut.",
            )


def ask(runner: Runner, place: Place, settings: Mapping[str, Any], out: Path) -> Answer:
    """Have the training environment check the settings and all pairs.

    Raises ``EngineError`` if it cannot, and ``StorageError`` for a full disk.
    """
    folder = out / "settings"
    folder.mkdir(parents=True, exist_ok=True)
    request, answer = folder / _REQUEST, folder / f"{_REQUEST}.answer"
    answer.unlink(missing_ok=True)
    file = SFT if settings["stage"] == "sft" else PAIRS
    asked = {"settings": dict(settings), "pairs": f"{place.pairs}/{file}"}
    request.write_text(json.dumps(asked), encoding="utf-8")
    command = [runner.python, runner.worker, "check", f"{place.out}/settings/{_REQUEST}"]
    started = runner.start(command, out, folder / "check.log")
    try:
        while (code := started.poll()) is None:
            time.sleep(_POLL_S)
    finally:
        started.stop(0)
    if code or not answer.exists():
        told = started.printed.failure or {"kind": "other", "message": "it ended"}
        raise _failure(told, folder, started.printed.tail())
    value = json.loads(answer.read_text(encoding="utf-8"))
    lengths = tuple(tuple(length) for length in value.pop("lengths", ()))
    return Answer(**value, lengths=lengths)


def _failure(told: Mapping[str, str], folder: Path, tail: str) -> SmallscaleError:
    """A limit was reached, something is missing in the environment, or it cannot read its files."""
    what, reason = told["message"], told["kind"]
    if reason == "disk-full":
        return StorageError(
            f"The training environment could not write to {folder}: {what}.", "Free disk space."
        )
    if reason == "out-of-memory":
        what = f"The training environment ran out of memory: {what}."
        hint = "Free some, or raise container.memory_gib in a copy of the recipe."
    elif what.startswith(_LACKING):
        what = f"The training environment cannot be used: {what}."
        hint = "Make it again: `smallscale engine install train-cpu --force`."
    else:
        what = f"Checkpoint and pairs cannot be read by the training environment: {what}."
        hint = f"See whether its tokenizer loads; {folder / 'check.log'} has all lines."
    return EngineError(what, hint, tail)


def _named(unknown: Mapping[str, str]) -> str:
    return ", ".join(
        f"'{key}'{f' (did you mean {near!r}?)' if near else ''}" for key, near in unknown.items()
    )
