"""Finishing time of the work queue against static splits: part ``finish`` of `make bench-generate`.

Engines are real worker processes that replay stored completions and sleep by their token count.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smallscale_ci.generate.interface import Job
from smallscale_ci.generate.local import LocalRuntime
from smallscale_ci.generate.order import arrange
from smallscale_ci.generate.planned import Places, Planned
from smallscale_ci.generate.ranks import Limits, Ranks
from smallscale_ci.generate.scheduler import Scheduler
from smallscale_ci.generate.workfolder import WorkFolder
from smallscale_ci.records import Prompt, SamplingSpec

RANKS = 4
SECONDS = 30.0  # the lower bound of each simulated run: an item takes a third of a second
LIMITS = Limits(120, 600)
# The suite `paper` at a tenth of its size, in its order: (problems, samples of each, typical tokens
# relative to grade-school sums). Within a task lengths are log-normal: 0.6 between problems, 0.5
# within one; of the whole suite the standard deviation of log tokens is then about 1.
PAPER = ((50, 1, 2.5), (130, 1, 1.0), (27, 1, 4.0), (3, 16, 10.0), (4, 16, 5.0), (68, 1, 6.0))
AIME = ((30, 4, 1.0),)  # a single task: few problems, several samples of each
BETWEEN, WITHIN, ALONE = 0.6, 0.5, 0.9


@dataclass(frozen=True)
class Lengths:
    """Tokens of each row of a file, in its order, and what a baseline expects of its problems."""

    rows: tuple[tuple[str, int], ...]  # (problem, epoch)
    tokens: NDArray[np.float64]
    expected: dict[str, float]


def draw(tasks: Sequence[tuple[int, int, float]], seed: int, between: float) -> Lengths:
    """Log-normal lengths. A file has a problem's samples together, as the toolkit's split wants."""
    chance = np.random.default_rng(seed)
    rows: list[tuple[str, int]] = []
    tokens: list[float] = []
    expected: dict[str, float] = {}
    for problems, epochs, typical in tasks:
        for mean in typical * np.exp(chance.normal(0, between, problems)):
            name = f"p{len(expected)}"
            expected[name] = float(mean * np.exp(chance.normal(0, WITHIN, 8)).mean())
            rows += [(name, epoch) for epoch in range(epochs)]
            tokens += list(mean * np.exp(chance.normal(0, WITHIN, epochs)))
    return Lengths(tuple(rows), np.array(tokens), expected)


def longest_together(lengths: Lengths) -> Lengths:
    """The same rows, sorted by length: the worst file for a contiguous split."""
    order = np.argsort(-lengths.tokens)
    rows = tuple(lengths.rows[at] for at in order)
    return Lengths(rows, lengths.tokens[order], lengths.expected)


def finish(draws: int) -> None:
    """Contiguous and random static split against the queue."""
    print(f"\nfinishing time of {RANKS} ranks, seconds; the bound is {SECONDS}")
    print(f"{'lengths':>14}{'contiguous':>12}{'random':>8}{'as-is':>8}{'queue':>8}"
          f"{'over bound':>12}{'gain':>8}{'attainable':>12}")  # fmt: skip
    for seed in range(1, draws + 1):
        _compare(f"suite {seed}", draw(PAPER, seed, BETWEEN))
    _compare("suite, sorted", longest_together(draw(PAPER, 1, BETWEEN)))
    for seed in range(1, draws + 1):
        _compare(f"one task {seed}", draw(AIME, seed, ALONE))
    _compare("one, sorted", longest_together(draw(AIME, 1, ALONE)))
    print("contiguous split over the bound, 2,000 draws, computed:")
    for name, tasks, between in (("suite", PAPER, BETWEEN), ("one task", AIME, ALONE)):
        found = [_attainable(draw(tasks, seed, between).tokens) for seed in range(2000)]
        low, middle, high = np.quantile(found, (0.05, 0.5, 0.95))
        print(f"{name:>14}{middle:>8.2f}x median, 90% of draws {low:.2f}x to {high:.2f}x")


def _attainable(tokens: NDArray[np.float64]) -> float:
    """What the best of all schedules would gain over the contiguous split."""
    return max(part.sum() for part in np.array_split(tokens, RANKS)) / _bound(tokens)


def _bound(tokens: NDArray[np.float64]) -> float:
    return float(max(tokens.sum() / RANKS, tokens.max()))


def _compare(name: str, lengths: Lengths) -> None:
    # One lane a rank: an engine's batch is what all lanes share, and changes no ratio.
    counts = np.maximum(1, (lengths.tokens * 10_000 / _bound(lengths.tokens)).astype(int))
    speed = _bound(counts) / SECONDS
    parts = np.array_split(np.arange(len(counts)), RANKS)
    mixed = np.array_split(np.random.default_rng(1).permutation(len(counts)), RANKS)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        model = place / "stored.jsonl"
        model.write_text("".join(_stored(lengths, counts)))
        contiguous, randomly = (
            _static(place / kind, model, lengths, split, speed)
            for kind, split in (("contiguous", parts), ("random", mixed))
        )
        plain, queue = (
            _queue(place / order, model, lengths, order, speed)
            for order in ("as-is", "longest-first")
        )
    print(f"{name:>14}{contiguous:>12.1f}{randomly:>8.1f}{plain:>8.1f}{queue:>8.1f}"
          f"{queue / SECONDS - 1:>11.1%}{contiguous / queue:>8.2f}x"
          f"{_attainable(lengths.tokens):>11.2f}x", flush=True)  # fmt: skip


def _stored(lengths: Lengths, counts: NDArray[np.int64]) -> Iterator[str]:
    for (name, epoch), count in zip(lengths.rows, counts, strict=True):
        value = {"problem_id": name, "sample_index": epoch, "text": "", "token_ids": [0] * count}
        yield json.dumps({**value, "prompt_tokens": 1, "finish_reason": "STOP"}) + "\n"


def _prompt(name: str, epoch: int) -> Prompt:
    return Prompt(name, epoch, "t", ({"role": "user", "content": name},), 0)


def _run(place: Path, model: Path, planned: Planned, ranks: int, speed: float) -> float:
    """Seconds from the first loaded engine to the last completion."""
    arguments = {"tokens_per_second": speed, "start_s": 1.0}
    job = Job("replay", str(model), SamplingSpec(0, 1, 0, 0, 1, 0), 1, engine_args=arguments)
    runtime = LocalRuntime(Path(sys.executable), dict(os.environ))
    with (
        WorkFolder(place / "work") as folder,
        Scheduler(folder, Ranks(runtime, ranks, LIMITS), job) as scheduler,
    ):
        for _ in scheduler.run(planned):
            pass
        return scheduler.seconds_ready


def _static(
    place: Path, model: Path, lengths: Lengths, parts: list[NDArray[np.int64]], speed: float
) -> float:
    """Each rank has its own prompts and its own folder: the last one's end is the run's."""

    def one(number: int) -> float:
        planned = Planned.of([_prompt(*lengths.rows[at]) for at in parts[number]])
        return _run(place / str(number), model, planned, 1, speed)

    with ThreadPoolExecutor(RANKS) as pool:
        return max(pool.map(one, range(RANKS)))


def _queue(place: Path, model: Path, lengths: Lengths, order: str, speed: float) -> float:
    places = Places(lengths.expected)
    numbers = places.numbers(lengths.rows)
    expected = lengths.expected
    ordered = arrange(numbers, order, places=places, seed=0, expected=expected)
    return _run(place, model, Planned(places, ordered, _prompt), RANKS, speed)
