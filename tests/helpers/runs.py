"""Simulated runs for the tests of summaries and the gate."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from smallscale_ci.records import Outcome
from smallscale_ci.run.names import Names
from smallscale_ci.run.samples import OUTCOMES, Samples

RIGHT, WRONG = OUTCOMES.index(Outcome.CORRECT), OUTCOMES.index(Outcome.WRONG)
CUT, ERRORED = OUTCOMES.index(Outcome.TRUNCATED), OUTCOMES.index(Outcome.ERRORED)


def grid(
    outcome: NDArray[np.int64],
    tokens: NDArray[np.float64] | float = 100.0,
    task: str = "math",
    clusters: Sequence[str] | None = None,
    first: int = 0,
) -> Samples:
    """A run of one task from (problems, epochs) arrays; problems are p0, p1, … from ``first``."""
    problems, epochs = outcome.shape
    ids = Names.of(f"p{i}" for i in range(first, first + problems))
    flat = outcome.ravel()
    counts = np.broadcast_to(np.asarray(tokens, dtype=np.float64), outcome.shape).ravel().copy()
    counts[flat == ERRORED] = np.nan
    return Samples(
        tasks=(task,),
        problem_ids=ids,
        problem_task=np.zeros(problems, dtype=np.int64),
        clusters=ids if clusters is None else Names.of(clusters),
        problem=np.repeat(np.arange(problems), epochs),
        sample_index=np.tile(np.arange(epochs), problems),
        outcome=flat.astype(np.int64),
        tokens=counts,
        truncated=flat == CUT,
    )


def simulate(
    rng: np.random.Generator,
    rates: NDArray[np.float64],
    epochs: int,
    lengths: float | NDArray[np.float64] = 100.0,
    task: str = "math",
    clusters: Sequence[str] | None = None,
) -> Samples:
    """Right with probability ``rates`` (problems,), lengths log-normal around ``lengths``."""
    shape = (len(rates), epochs)
    outcome = np.where(rng.random(shape) < rates[:, None], RIGHT, WRONG)
    scale = np.broadcast_to(np.asarray(lengths, dtype=np.float64), (len(rates),))[:, None]
    tokens = np.ceil(scale * rng.lognormal(0.0, 0.3, shape))
    return grid(outcome, tokens, task, clusters)


def together(*parts: Samples) -> Samples:
    """Several single-task runs as one."""
    sizes = np.cumsum([0] + [len(part.problem_ids) for part in parts])
    return Samples(
        tasks=tuple(part.tasks[0] for part in parts),
        problem_ids=Names.concatenate([part.problem_ids for part in parts]),
        problem_task=np.repeat(np.arange(len(parts)), np.diff(sizes)),
        clusters=Names.concatenate([part.clusters for part in parts]),
        problem=np.concatenate([p.problem + o for p, o in zip(parts, sizes, strict=False)]),
        sample_index=np.concatenate([part.sample_index for part in parts]),
        outcome=np.concatenate([part.outcome for part in parts]),
        tokens=np.concatenate([part.tokens for part in parts]),
        truncated=np.concatenate([part.truncated for part in parts]),
    )


def reordered(samples: Samples, rows: NDArray[np.int64]) -> Samples:
    """The same samples in the order of ``rows``."""
    return replace(
        samples,
        problem=samples.problem[rows],
        sample_index=samples.sample_index[rows],
        outcome=samples.outcome[rows],
        tokens=samples.tokens[rows],
        truncated=samples.truncated[rows],
    )
