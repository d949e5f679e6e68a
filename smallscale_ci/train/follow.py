"""A training's progress, read from LLaMA-Factory's ``trainer_log.jsonl`` as it grows."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LOG = "trainer_log.jsonl"


@dataclass(frozen=True, slots=True)
class Point:
    """One logged step. Rewards are ``None`` for supervised fine-tuning; ``time`` in seconds."""

    step: int
    total: int
    loss: float
    accuracy: float | None  # share of pairs whose chosen answer has the higher reward
    margin: float | None  # mean difference of the rewards
    tokens: int  # of prompts and answers, since the start
    time: float


@dataclass(frozen=True, slots=True)
class TrainProgress:
    """A snapshot of the progress, for people."""

    point: Point
    tokens_per_s: float
    seconds_left: float | None

    def words(self) -> str:
        """One line: step, loss, reward accuracy and margin, speed, time left."""
        point = self.point
        parts = [f"step {point.step}/{point.total}", f"loss {point.loss:.4f}"]
        if point.accuracy is not None:
            parts.append(f"reward accuracy {100 * point.accuracy:.0f}%")
        if point.margin is not None:
            parts.append(f"margin {point.margin:+.4f}")
        if self.tokens_per_s:
            parts.append(f"{self.tokens_per_s:,.0f} tokens/s")
        if self.seconds_left and point.step < point.total:
            minutes, seconds = divmod(round(self.seconds_left), 60)
            parts.append(f"{minutes}:{seconds:02} left")
        return " · ".join(parts)


class Follower:
    """Reads a growing log: each call returns the points of newly completed lines."""

    def __init__(self, path: Path, *, skip: bool = False) -> None:
        """``skip`` ignores existing lines, for a resumed training."""
        self._path = path
        self._offset = path.stat().st_size if skip and path.exists() else 0

    def read(self) -> list[Point]:
        """New points; empty while there is no log."""
        try:
            with self._path.open("rb") as stream:
                stream.seek(self._offset)
                data = stream.read()
        except OSError:
            return []
        complete = data[: data.rfind(b"\n") + 1]  # the last line may still be written
        self._offset += len(complete)
        lines = complete.decode("utf-8", errors="replace").split("\n")
        return [point for line in lines if (point := parse(line)) is not None]


def parse(line: str) -> Point | None:
    """The point of a line; ``None`` for lines without a loss, and for damaged ones."""
    try:
        value = json.loads(line)
        if not isinstance(value, dict) or "loss" not in value:
            return None
        loss = _number(value["loss"])
        if loss is None:  # training stops at that step, and reports it itself
            return None
        return Point(
            step=int(value["current_steps"]),
            total=int(value["total_steps"]),
            loss=loss,
            accuracy=_number(value.get("accuracy")),
            margin=_number(value.get("margin")),
            tokens=int(value.get("total_tokens") or 0),
            time=float(value.get("time") or 0.0),
        )
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None


def curve(points: Sequence[Point]) -> list[Point]:
    """One point for each step, in order; the last one for steps repeated after a stop."""
    return [point for _, point in sorted({point.step: point for point in points}.items())]


def progress(points: Sequence[Point]) -> TrainProgress | None:
    """The progress from this session's points; ``None`` before the first."""
    if not points:
        return None
    first, last = points[0], points[-1]
    seconds, steps = last.time - first.time, last.step - first.step
    known = seconds > 0 and steps > 0
    return TrainProgress(
        point=last,
        tokens_per_s=max(0, last.tokens - first.tokens) / seconds if known else 0.0,
        seconds_left=(last.total - last.step) * seconds / steps if known else None,
    )


def _number(value: Any) -> float | None:
    if value is None:
        return None
    number = float(value)
    return number if math.isfinite(number) else None
