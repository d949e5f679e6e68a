"""The accuracy of a task, corrected for the errors of its judge."""

from __future__ import annotations

from smallscale_ci.records import Estimate, Outcome, TaskSummary
from smallscale_ci.records.measured import Measured
from smallscale_ci.stats.misclassified import corrected

METHOD = "Rogan-Gladen, Lang-Reiczigel"


def corrected_accuracy(task: TaskSummary, measured: Measured) -> Estimate:
    """The share of answers that are right, with its 95% interval.

    Answers that never reached the judge, such as truncated ones, are wrong for certain. Raises
    ``ValueError`` if ``measured`` judges no better than chance.
    """
    seen = task.accuracy
    asked = task.outcomes[Outcome.CORRECT.value] + task.outcomes[Outcome.WRONG.value]
    counted = sum(task.outcomes.values()) - task.outcomes[Outcome.ERRORED.value]
    value, low, high = corrected(
        (seen.value, seen.low, seen.high),
        (measured.right, measured.right_of),
        (measured.wrong, measured.wrong_of),
        judged=asked / max(counted, 1),
    )
    return Estimate(value, low, high, seen.n, seen.clusters, METHOD)
