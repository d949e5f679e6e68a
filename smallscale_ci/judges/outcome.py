"""The outcome of a sample from a judge's ruling and the engine's finish reason."""

from __future__ import annotations

from smallscale_ci.judges.interface import Ruling
from smallscale_ci.records import FinishReason, Outcome


def outcome(ruling: Ruling, finish: FinishReason) -> tuple[Outcome, str]:
    """The outcome of a sample and its reason.

    A failed generation is ERRORED whatever its text. One that hit max_tokens before it
    gave an answer is TRUNCATED; one that had given its answer is judged like any other.
    """
    if finish in (FinishReason.ABORT, FinishReason.ERROR):
        return Outcome.ERRORED, f"the engine ended the generation with {finish.value}"
    if finish is FinishReason.LENGTH and ruling.outcome is Outcome.UNPARSED:
        return Outcome.TRUNCATED, f"reached max_tokens: {ruling.reason}"
    return ruling.outcome, ruling.reason
