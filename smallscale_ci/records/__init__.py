"""The project's vocabulary as frozen types: the data that flow from stage to stage.

Only the standard library is imported, so that every module, ``--help`` included, may use them.
Rates and shares are fractions (0.02 is 2 pp), times are seconds, tokens are counts of
generated token ids without the final end-of-sequence token.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from smallscale_ci.records.limits import FewClusters as FewClusters
from smallscale_ci.records.limits import Holdable as Holdable
from smallscale_ci.records.limits import Limit as Limit
from smallscale_ci.records.metric import Metric as Metric
from smallscale_ci.records.metric import Scale as Scale
from smallscale_ci.records.reasons import Advice as Advice
from smallscale_ci.records.reasons import Reason as Reason
from smallscale_ci.records.reasons import ReasonKind as ReasonKind


class FinishReason(StrEnum):
    """Why an engine stopped generating. An unknown word from an engine is an error."""

    STOP = "STOP"
    LENGTH = "LENGTH"
    ABORT = "ABORT"
    ERROR = "ERROR"


class Outcome(StrEnum):
    """What became of a planned sample; the five partition the plan."""

    CORRECT = "CORRECT"
    WRONG = "WRONG"
    UNPARSED = "UNPARSED"  # answered, but no answer was found
    TRUNCATED = "TRUNCATED"  # hit max_tokens before an answer
    ERRORED = "ERRORED"  # engine or judge failed: never counted as wrong


class VerdictKind(StrEnum):
    """PASS, REGRESSED, INCONCLUSIVE, or INVALID (not comparable, or too much ERRORED)."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    REGRESSED = "REGRESSED"
    INCONCLUSIVE = "INCONCLUSIVE"
    INVALID = "INVALID"


@dataclass(frozen=True, slots=True)
class CodeTest:
    """One test of a code problem: standard input and output, or a call and its result as JSON."""

    input: str
    output: str
    function: str | None = None  # None: the program reads stdin; else the function to call


@dataclass(frozen=True, slots=True)
class Problem:
    """One question and its gold, options or tests. ``id`` is a hash of exactly that content.

    ``gold`` and each of ``also`` is a right answer.
    """

    id: str
    task: str
    question: str
    gold: str
    choices: tuple[str, ...] = ()
    tests: tuple[CodeTest, ...] = ()
    cluster: str = ""  # shared by problems that are not independent; empty: a cluster of its own
    meta: Mapping[str, Any] = field(default_factory=dict)
    also: tuple[str, ...] = ()

    @property
    def golds(self) -> tuple[str, ...]:
        """Every answer that is right."""
        return (self.gold, *self.also)


@dataclass(frozen=True, slots=True)
class SamplingSpec:
    """Complete sampling parameters: no engine or checkpoint default is left implicit."""

    temperature: float
    top_p: float
    top_k: int  # 0: off
    min_p: float
    max_tokens: int
    seed: int
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Prompt:
    """One planned sample: chat ``messages`` of ``{"role", "content"}`` and its engine seed."""

    problem_id: str
    sample_index: int
    task: str
    messages: tuple[Mapping[str, str], ...]
    seed: int


@dataclass(frozen=True, slots=True)
class Generation:
    """An engine's output for one prompt. ``seconds`` runs from submission to completion."""

    problem_id: str
    sample_index: int
    text: str
    token_ids: tuple[int, ...]
    prompt_tokens: int
    completion_tokens: int
    finish_reason: FinishReason
    rank: int
    seconds: float
    error: str = ""
    thinking: bool = False  # the prompt ended inside an open block of thinking
    thinking_tokens: int | None = None  # tokens before the answer; None: unknown
    looping: bool | None = None  # whether it hit the limit in a loop; None: not examined


@dataclass(frozen=True, slots=True)
class Judgement:
    """A judge's decision about one generation, with a one-line reason."""

    problem_id: str
    sample_index: int
    task: str
    outcome: Outcome
    extracted: str | None
    judge: str  # name and version, "math/1"
    reason: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its interval, sample size and method."""

    value: float
    low: float
    high: float
    n: int
    clusters: int
    method: str


@dataclass(frozen=True, slots=True)
class TaskSummary:
    """One task of a run: levels with 95% intervals, and the count of every outcome."""

    task: str
    problems: int
    epochs: float  # mean samples per problem
    levels: Mapping[Metric, Estimate]  # of every metric; n = 0 if it is not known
    median_tokens: float
    p90_tokens: float
    tokens_correct: float | None  # mean tokens of correct answers only
    outcomes: Mapping[str, int]
    # Length metric → "right" and "wrong": its mean over those samples, if there are any.
    lengths: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)

    @property
    def accuracy(self) -> Estimate:
        """The share of correct answers."""
        return self.levels[Metric.ACCURACY]

    @property
    def tokens(self) -> Estimate:
        """Mean completion tokens."""
        return self.levels[Metric.TOKENS]


@dataclass(frozen=True, slots=True)
class Summary:
    """A whole run, task by task in the suite's order."""

    tasks: tuple[TaskSummary, ...]
    planned: int
    outcomes: Mapping[str, int]


SEEMS = 0.05  # p-value from which advice treats a loss as real


@dataclass(frozen=True, slots=True)
class Check:
    """One gated (task, metric): the difference candidate − baseline and what it means.

    ``estimate`` is a difference of shares for a rate, and a log ratio of means for a length.
    ``margin`` is the policy's number (absolute for a rate, relative for a length), always positive.
    ``p_value`` tests "not worse than ``tolerated``",
    ``adjusted_p`` is after Holm; the check is REGRESSED when ``adjusted_p`` ≤ ``boundary``, the
    nominal level of this look, and PASS when ``pass_p`` (test of "worse by the margin") ≤
    ``pass_boundary``. In the pass test the ``lost`` samples of the candidate, ERRORED or missing,
    count as the worse outcome; ``value`` of the estimate leaves them out.
    """

    task: str
    metric: Metric
    kind: VerdictKind
    baseline: float
    candidate: float
    estimate: Estimate
    margin: float
    p_value: float
    adjusted_p: float
    boundary: float
    pass_p: float
    pass_boundary: float
    gated: bool
    discordant: int  # problems whose mean differs between the two sides
    identical: bool  # every paired sample agrees in outcome and tokens
    advice: Advice | None = None  # on what would have made an open check conclusive
    guard: bool = False  # a guard rail: it can fail the gate, but need not pass
    band: bool = False  # a change for the better by the margin counts as one, too
    tolerated: float = 0.0  # in the unit of the margin: a loss up to this is not a regression
    lost: int = 0  # samples of the candidate, ERRORED or missing
    lost_decide: bool = False  # whether it would pass if the lost samples were like the others
    jumps: int = 0  # number of problems whose length grew far beyond all others'

    @property
    def moved(self) -> float:
        """The change for the worse, on the estimate's scale; in a band, any change."""
        change = self.estimate.value * self.metric.worse
        return abs(change) if self.band else change

    @property
    def seems_worse(self) -> bool:
        """Whether the change is more than occasional chance, though not enough for a verdict."""
        return self.p_value <= SEEMS

    @property
    def reach(self) -> float:
        """The largest loss that is not excluded, in the unit of the margin; in a band, change."""
        ends = {+1: self.estimate.high, -1: -self.estimate.low}
        return self.metric.size(max(ends.values()) if self.band else ends[self.metric.worse])


@dataclass(frozen=True, slots=True)
class Flip:
    """A problem whose accuracy changed: mean accuracy on each side, and mean tokens."""

    task: str
    problem_id: str
    baseline: float
    candidate: float
    baseline_tokens: float
    candidate_tokens: float


@dataclass(frozen=True, slots=True)
class Difference:
    """One key of the manifests that differs; ``allowed`` when the policy names it."""

    key: str
    baseline: str
    candidate: str
    allowed: bool = False


@dataclass(frozen=True, slots=True)
class Accounting:
    """Every planned sample of the candidate, by outcome."""

    planned: int
    judged: int  # all but ERRORED and missing
    outcomes: Mapping[str, int]
    unpaired: int = 0  # problems on one side only

    @property
    def missing(self) -> int:
        """Planned samples without an outcome."""
        return self.planned - sum(self.outcomes.values())


@dataclass(frozen=True, slots=True)
class Verdict:
    """The gate's decision as values; the reports have the words.

    ``reasons`` decide, the most important first; ``notes`` are shown prominently and do not.
    """

    kind: VerdictKind
    look: int
    of: int
    reasons: tuple[Reason, ...]
    checks: tuple[Check, ...]
    accounting: Accounting
    differences: tuple[Difference, ...]
    policy: str
    reproduced_exactly: bool
    flips: tuple[Flip, ...] = ()
    flipped: tuple[int, int] | None = None  # to wrong and to right, whether listed or not
    flips_by_chance: float | None = None  # expected in each direction for an unchanged model
    grown: tuple[Flip, ...] = ()  # if a length regressed: the problems that grew most
    notes: tuple[Reason, ...] = ()
    ends: tuple[float, ...] = ()  # epochs at each look; empty: a look after every epoch
