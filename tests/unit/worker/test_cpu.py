"""What vLLM cannot do on a CPU is refused with what to do."""

import pytest

from smallscale_ci.worker.engines import cpu


@pytest.mark.parametrize(
    ("deterministic", "args", "hint"),
    [
        (True, {}, "deterministic: true"),
        (False, {"enable_chunked_prefill": True}, "enable_chunked_prefill: false"),
    ],
)
def test_it_names_the_line_of_the_profile(deterministic, args, hint):
    refused = cpu.refusal(deterministic=deterministic, engine_args=args)
    assert refused is not None
    assert hint in refused[1]


def test_what_the_worker_sets_itself_is_not_refused():
    assert cpu.refusal(deterministic=False, engine_args=cpu.ARGUMENTS) is None
    assert cpu.refusal(deterministic=False, engine_args={}) is None
