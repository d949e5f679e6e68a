"""From judged samples to preference pairs: which two answers of which problem. Pure.

``shortest-correct-vs-longest`` is the choice of LCPO (Small_Scale): of a problem that was solved
k times of k, the shortest answer is preferred to the longest. ``correct-vs-wrong`` prefers a right
answer to a wrong one, both drawn at random.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from smallscale_ci import ids
from smallscale_ci.config.pairs import CORRECT, Difficulty, PairPolicy
from smallscale_ci.errors import DataError
from smallscale_ci.records import FinishReason, Outcome
from smallscale_ci.report.formats import count

_WRONG = (Outcome.WRONG, Outcome.UNPARSED, Outcome.TRUNCATED)


@dataclass(frozen=True, slots=True)
class Answer:
    """One judged sample of a problem, without its text."""

    task: str
    problem_id: str
    sample_index: int
    outcome: Outcome
    finish_reason: FinishReason
    tokens: int  # completion tokens

    @property
    def may_be_chosen(self) -> bool:
        """Whether it is right and complete: an answer that was cut off must not become an example.

        Unfinished thinking never counts as right, so it needs no check of its own.
        """
        return self.outcome is Outcome.CORRECT and self.finish_reason is FinishReason.STOP


@dataclass(frozen=True, slots=True)
class Choice:
    """A pair before its texts are read: ``chosen`` is preferred to ``rejected``."""

    chosen: Answer
    rejected: Answer
    solve_rate: float

    @property
    def problem(self) -> tuple[str, str]:
        """(task, problem_id)."""
        return self.chosen.task, self.chosen.problem_id

    @property
    def ratio(self) -> float:
        """Tokens of the longer answer over those of the shorter."""
        low, high = sorted((self.chosen.tokens, self.rejected.tokens))
        return high / max(low, 1)


@dataclass(frozen=True, slots=True)
class Selection:
    """The pairs, sorted by (task, problem_id), and what became of the other problems."""

    choices: tuple[Choice, ...]
    problems: int
    by_difficulty: Mapping[
        str, int
    ]  # easy, medium, hard; without problems that have too few samples
    eligible: int  # problems of the requested difficulty
    dropped: Mapping[str, int]  # reason → problems


def select(answers: Iterable[Answer], policy: PairPolicy) -> Selection:
    """The pairs of ``policy``, independent of the order of ``answers``.

    Raises ``DataError`` if fewer than ``policy.min_pairs`` are found; it says how many problems
    there are of each difficulty and why the rest gave none.
    """
    problems: dict[tuple[str, str], list[Answer]] = {}
    for answer in answers:
        problems.setdefault((answer.task, answer.problem_id), []).append(answer)
    levels: Counter[str] = Counter(easy=0, medium=0, hard=0)
    dropped: Counter[str] = Counter()
    found: list[list[Choice]] = []
    for key in sorted(problems):
        judged = [a for a in problems[key] if a.outcome is not Outcome.ERRORED]
        # A run with two or three answers needs all of them: k of k.
        if len(judged) < max(2, min(policy.min_samples, len(problems[key]))):
            dropped[_TOO_FEW] += 1
            continue
        rate = sum(a.outcome is Outcome.CORRECT for a in judged) / len(judged)
        level = difficulty(rate, policy)
        levels[level] += 1
        if level not in policy.difficulty:
            dropped[f"{level}, not asked for"] += 1
            continue
        pairs, why = _of_problem(judged, rate, policy)
        if pairs:
            found.append(pairs)
        else:
            dropped[why] += 1
    kept = _limited(found, policy, dropped)
    selection = Selection(
        choices=tuple(kept),
        problems=len(problems),
        by_difficulty=dict(levels),
        eligible=sum(levels[level] for level in policy.difficulty),
        dropped=dict(sorted(dropped.items())),
    )
    if len(kept) < policy.min_pairs:
        raise too_few(selection, policy)
    return selection


def difficulty(rate: float, policy: PairPolicy) -> Difficulty:
    """The difficulty of a problem with this solve rate (0 to 1)."""
    if rate >= policy.easy_from:
        return "easy"
    return "medium" if rate >= policy.medium_from else "hard"


def too_few(selection: Selection, policy: PairPolicy) -> DataError:
    """The error that says why there are too few pairs, and what to do."""
    levels = selection.by_difficulty
    asked = " or ".join(policy.difficulty)
    told = (
        f"easy (solved in at least {100 * policy.easy_from:g}% of the samples) {levels['easy']}, "
        f"medium (from {100 * policy.medium_from:g}%) {levels['medium']}, hard {levels['hard']}"
    )
    if selection.problems and selection.dropped.get(_TOO_FEW, 0) == selection.problems:
        return DataError(
            f"None of the {selection.problems} problems has enough judged answers for a pair.",
            "Sample more answers to each problem: smallscale generate … --epochs 16.",
        )
    same = selection.dropped.get(SAME_LENGTH, 0)
    if same and same == selection.eligible:
        return DataError(
            f"All answers of each of the {same} {asked} problems have the same length, so none "
            "of them is shorter.",
            "Sample with a higher temperature or more samples, or let the model explain more: "
            "answers of one fixed form cannot become shorter.",
        )
    pairs = len(selection.choices)
    reasons = "; ".join(f"{why}: {times}" for why, times in selection.dropped.items())
    return DataError(
        f"{count(pairs, 'pair')} from {count(selection.eligible, f'{asked} problem')} "
        f"{'is' if pairs == 1 else 'are'} fewer than the {policy.min_pairs} that are needed. "
        f"Of {count(selection.problems, 'problem')}: {told}. "
        f"Without a pair: {reasons or 'none'}.",
        "Sample more problems or easier ones, or loosen the pair policy: easy_from, difficulty, "
        "the limits, or min_pairs to accept fewer (--set pairs.min_pairs=N).",
    )


SAME_LENGTH = "answers of the same length"
_TOO_FEW = "too few judged samples"
_NOTHING_CHOSEN = "no right and complete answer"
_NOTHING_WRONG = "no wrong answer"
_LIMITS = "outside the limits on length"


def _of_problem(
    judged: Sequence[Answer], rate: float, policy: PairPolicy
) -> tuple[list[Choice], str]:
    """The pairs of one problem, or why there is none."""
    most = policy.max_tokens
    within = [a for a in judged if most is None or a.tokens <= most]
    right = [a for a in within if a.may_be_chosen]
    if not right:
        return [], _LIMITS if any(a.may_be_chosen for a in judged) else _NOTHING_CHOSEN
    if policy.policy == CORRECT:
        wrong = [a for a in within if a.outcome in _WRONG]
        if not wrong:
            return [], _LIMITS if len(within) < len(judged) else _NOTHING_WRONG
        drawn = zip(_by_lot(right, policy.seed), _by_lot(wrong, policy.seed), strict=False)
        pairs = [Choice(chosen, rejected, rate) for chosen, rejected in drawn]
    else:
        pairs = [Choice(*ends, rate) for ends in _ends(right, within)]
        if not pairs:
            return [], SAME_LENGTH
    fitting = [pair for pair in pairs if _fits(pair, policy)]
    return fitting[: policy.per_problem], _LIMITS


def _ends(right: Sequence[Answer], every: Sequence[Answer]) -> Iterator[tuple[Answer, Answer]]:
    """Shortest right and longest of all, then the next shortest and the next longest."""
    used: set[int] = set()
    up = sorted(right, key=lambda a: (a.tokens, a.sample_index))
    down = iter(sorted(every, key=lambda a: (-a.tokens, a.sample_index)))
    for chosen in up:
        rejected = next((a for a in down if a.sample_index not in used), None)
        if rejected is None or rejected.tokens <= chosen.tokens or chosen.sample_index in used:
            return
        used |= {chosen.sample_index, rejected.sample_index}
        yield chosen, rejected


def _fits(pair: Choice, policy: PairPolicy) -> bool:
    return policy.min_ratio <= pair.ratio and (
        policy.max_ratio is None or pair.ratio <= policy.max_ratio
    )


def _by_lot(answers: Sequence[Answer], seed: int) -> list[Answer]:
    return sorted(answers, key=lambda a: ids.sample_seed(seed, a.problem_id, a.sample_index))


def _limited(
    found: Sequence[Sequence[Choice]], policy: PairPolicy, dropped: Counter[str]
) -> list[Choice]:
    """At most ``max_pairs``: the first pairs of randomly drawn problems, then their second ones."""
    drawn = sorted(
        found,
        key=lambda pairs: (ids.sample_seed(policy.seed, pairs[0].problem[1], 0), pairs[0].problem),
    )
    turns = range(max(map(len, found), default=0))
    every = [pairs[turn] for turn in turns for pairs in drawn if turn < len(pairs)]
    kept = every[: policy.max_pairs]
    left = len(found) - len({pair.problem for pair in kept})
    if left:
        dropped["over the limit on pairs"] += left
    return sorted(kept, key=lambda pair: (pair.problem, pair.chosen.sample_index))
