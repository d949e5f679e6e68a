"""The reasons for a verdict, as values; ``report/wording.py`` has a sentence for each kind."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from smallscale_ci.records.metric import Metric


class ReasonKind(StrEnum):
    """The kinds of reasons. Beside each kind are the fields that it uses."""

    # Why the run passed, regressed or stayed undecided.
    CHECK = "check"  # task, metric: of the check, which has the verdict
    SHARED_DRAWS = "shared-draws"  # share of the samples; each is compared with its twin alone
    REPRODUCED = "reproduced"  # every sample agrees with the baseline's
    # Why no verdict is possible.
    INCOMPARABLE = "incomparable"  # names: the manifest key that differs
    NOT_IN_CANDIDATE = "not-in-candidate"  # task
    NOT_IN_BASELINE = "not-in-baseline"  # task
    TOO_FEW_JUDGED = "too-few-judged"  # count of the planned were, share must be
    TASK_LACKS = "task-lacks"  # task: count of its samples are ERRORED or missing
    BASELINE_ERRORED = "baseline-errored"  # task: count of its samples in the baseline
    UNPAIRED = "unpaired"  # task: count of its problems are on one side only
    NOTHING_PAIRED = "nothing-paired"  # task
    UNKNOWN_METRIC = "unknown-metric"  # metric: gated, and not recorded by names (sides)
    NOTHING_GATED = "nothing-gated"  # the policy has no margins
    # Notes beside a verdict.
    ALLOWED = "allowed"  # names: keys that may differ, and do
    ERRORED = "errored"  # count
    MISSING = "missing"  # count of the planned
    ONE_SIDED = "one-sided"  # count of problems, left out
    UNJUDGED = "unjudged"  # count of problems that ERRORED throughout on one side
    UNKNOWN_TASKS = "unknown-tasks"  # names: the policy has margins for them
    NOT_GATED = "not-gated"  # task, metric: it changed, and the policy does not gate it
    BETTER = "better"  # task, metric
    REAL_BUT_SMALL = "real-but-small"  # task, metric: it changed within the margin
    MORE_FLIPS = "more-flips"  # count flipped, of of them are listed
    NOT_GENERATED = "not-generated"  # refused before anything was generated
    UNKNOWN_THINKING = "unknown-thinking"  # names: marks of thinking in no known format
    STATED = "stated"  # text: a sentence of another part, or of an older version


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason or note; ``kind`` says which of the fields it uses."""

    kind: ReasonKind
    task: str = ""
    metric: Metric | None = None
    count: int = 0
    of: int = 0
    share: float = 0.0
    names: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Advice:
    """What may make an open check conclusive; 0: not by this."""

    margin: float = 0.0  # a margin that would pass
    problems: int = 0  # number with which an unchanged model passes 9 times in 10
    looks: int = 0  # that are left
    clusters: int = 0  # number needed; more problems in the same clusters hardly help
