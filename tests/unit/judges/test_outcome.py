"""What a sample comes to: every reason to stop with every ruling."""

import itertools

import pytest

from smallscale_ci.judges.interface import Ruling
from smallscale_ci.judges.outcome import outcome
from smallscale_ci.records import FinishReason, Outcome

RULED = (Outcome.CORRECT, Outcome.WRONG, Outcome.UNPARSED, Outcome.ERRORED)


@pytest.mark.parametrize(("ruled", "finish"), [*itertools.product(RULED, FinishReason)])
def test_a_failed_generation_is_errored_and_one_cut_off_before_its_answer_truncated(
    ruled: Outcome, finish: FinishReason
) -> None:
    found, reason = outcome(Ruling(ruled, None, "why"), finish)
    if finish in (FinishReason.ABORT, FinishReason.ERROR):
        assert found is Outcome.ERRORED
        assert finish.value in reason
    elif finish is FinishReason.LENGTH and ruled is Outcome.UNPARSED:
        assert found is Outcome.TRUNCATED
        assert reason == "reached max_tokens: why"
    else:
        assert (found, reason) == (ruled, "why")
