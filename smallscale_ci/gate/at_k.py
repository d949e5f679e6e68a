"""Numbers of one run: accuracy, avg@k, pass@k, maj@k, and accuracy within token budgets.

Arrays in, numbers out. Every array has one entry per sample: ``correct`` (bool), ``problem`` (code
of the problem), ``tokens`` (completion tokens). Samples are averaged within their problem first, so
that every problem counts the same. All raise ``ValueError`` without any sample, and those with a
``k`` also for a problem with fewer samples.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from smallscale_ci.run.samples import Samples

Flags = NDArray[np.bool_]
Codes = NDArray[np.int64]
Counts = NDArray[np.float64]


def of_run(
    samples: Samples, answers: Sequence[str | None], budgets: Sequence[int] = ()
) -> dict[str, dict[str, float]]:
    """Task → name → value, in the order of the tasks; ERRORED samples are left out.

    ``answers`` are the extracted ones, in the order of ``samples``. pass@k is computed for powers
    of two, maj@k and avg@k for all samples, if every problem has more than one.
    """
    texts = np.array(answers, dtype=object)
    found = {}
    for code, task in enumerate(samples.tasks):
        rows = (samples.problem_task[samples.problem] == code) & ~samples.errored
        if rows.any():
            found[task] = _of_task(samples.select(rows), list(texts[rows]), budgets)
    return found


def _of_task(
    samples: Samples, answers: Sequence[str | None], budgets: Sequence[int]
) -> dict[str, float]:
    correct, problem, index = samples.correct, samples.problem, samples.sample_index
    epochs = int(_counts(correct, problem)[0].min())
    values: dict[str, float] = {}
    for k in (2**i for i in range(1, epochs.bit_length())):
        values[f"pass@{k}"] = pass_at_k(correct, problem, k)
    # With ERRORED samples left out, the first k of a problem are not always its indices below k.
    rank = _ranks(problem, index)
    if epochs > 1:
        values[f"avg@{epochs}"] = avg_at_k(correct, problem, rank, epochs)
        values[f"maj@{epochs}"] = maj_at_k(correct, problem, rank, answers, epochs)
    for budget, level in under_budgets(correct, problem, samples.tokens, budgets).items():
        values[f"accuracy within {budget:,} tokens"] = level
    return values


def accuracy(correct: Flags, problem: Codes) -> float:
    """Mean over problems of the share of their samples that is correct."""
    n, c = _counts(correct, problem)
    return float(np.mean(c / n))


def avg_at_k(correct: Flags, problem: Codes, sample_index: Codes, k: int) -> float:
    """Accuracy over the first ``k`` samples of every problem, for example avg@16."""
    first = sample_index < k
    n, _ = _counts(correct, problem)
    kept, c = _counts(correct[first], problem[first])
    if len(kept) != len(n) or np.any(kept < k):
        raise ValueError(f"avg@{k} needs {k} samples of every problem")
    return float(np.mean(c / kept))


def pass_at_k(correct: Flags, problem: Codes, k: int) -> float:
    """Probability that at least one of ``k`` samples is correct, from n ≥ k samples each.

    The unbiased estimator 1 − C(n − c, k) / C(n, k) of Chen et al., *Evaluating Large Language
    Models Trained on Code* (2021), as a product that does not overflow.
    """
    n, c = _counts(correct, problem)
    if k < 1 or np.any(n < k):
        raise ValueError(f"pass@{k} needs {k} samples of every problem, there are {int(n.min())}")
    # C(n − c, k) / C(n, k) = Π (n − c − i) / (n − i) for i < k: drawing k wrong ones in a row.
    none = np.ones(len(n))
    for i in range(k):
        none *= np.clip(n - c - i, 0, None) / (n - i)
    return float(np.mean(1 - none))


def maj_at_k(
    correct: Flags,
    problem: Codes,
    sample_index: Codes,
    answers: Sequence[str | None],
    k: int,
) -> float:
    """Share of problems whose most frequent answer among the first ``k`` samples is correct.

    All correct samples vote for one answer, however it is written; wrong ones vote by their
    text, and samples without an answer (``None``) don't vote. Among equally frequent answers one is
    drawn: the problem counts with the probability that it is the correct one.
    """
    n, _ = _counts(correct, problem)
    votes: dict[int, Counter[str | None]] = defaultdict(Counter)
    cast: Counter[int] = Counter()
    for right, code, index, answer in zip(correct, problem, sample_index, answers, strict=True):
        if index < k:
            cast[code] += 1
            if right or answer is not None:
                votes[code][None if right else answer] += 1  # None: the correct answer
    if len(cast) != len(n) or min(cast.values()) < k:
        raise ValueError(f"maj@{k} needs {k} samples of every problem")
    return sum(map(_won, votes.values())) / len(n)


def under_budgets(
    correct: Flags, problem: Codes, tokens: Counts, budgets: Sequence[int]
) -> dict[int, float]:
    """Accuracy if generation had been cut at each budget: budget → accuracy.

    A sample counts if it is correct and took at most that many tokens, thinking included. What
    the model would have answered if cut short is not known, so this is a lower bound.
    """
    return {budget: accuracy(correct & (tokens <= budget), problem) for budget in budgets}


def _ranks(problem: Codes, sample_index: NDArray[np.int32]) -> Codes:
    """(n,) how many samples of the same problem have a smaller index."""
    order = np.lexsort((sample_index, problem))
    ordered = problem[order]
    begins = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    lengths = np.diff(np.r_[begins, len(ordered)])
    ranks = np.empty(len(problem), dtype=np.int64)
    ranks[order] = np.arange(len(problem)) - np.repeat(begins, lengths)
    return ranks


def _counts(correct: Flags, problem: Codes) -> tuple[Counts, Counts]:
    """(problems with samples,) their numbers of samples and of correct ones."""
    if not len(problem):
        raise ValueError("there are no samples")
    n = np.bincount(problem).astype(np.float64)
    c = np.bincount(problem[correct], minlength=len(n)).astype(np.float64)
    return n[n > 0], c[n > 0]


def _won(votes: Counter[str | None]) -> float:
    most = max(votes.values(), default=0)
    first = [answer for answer, count in votes.items() if count == most]
    return first.count(None) / len(first) if first else 0.0
