"""The engines by name: each adapter is there, and imports no engine before it starts."""

import subprocess
import sys

import pytest

from smallscale_ci.worker.engines.interface import StartError
from smallscale_ci.worker.engines.registry import ENGINES, Source, adapter_for

JOB = {"model": "m", "sampling": {"max_tokens": 1}, "engine_args": {}}


@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_has_an_adapter_of_its_name(name: str) -> None:
    adapter = adapter_for({**JOB, "engine": name})
    assert type(adapter).__module__.rpartition(".")[2] == name
    for asked in ("start", "generate", "switch", "close", "info"):
        assert callable(getattr(adapter, asked))


def test_an_engine_of_a_newer_host_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(StartError, match="knows no engine 'vlm'") as caught:
        adapter_for({**JOB, "engine": "vlm"})
    assert caught.value.hint == f"Known: {', '.join(ENGINES)}."


def test_adapters_are_made_where_no_engine_is_installed() -> None:
    """As the host does; what is heavy is imported by ``start`` alone."""
    code = (
        "import sys\n"
        "from smallscale_ci.worker.engines.registry import ENGINES, adapter_for\n"
        f"for name in ENGINES: adapter_for({{**{JOB!r}, 'engine': name}})\n"
        "heavy = {'vllm', 'sglang', 'torch', 'transformers', 'openai', 'numpy'} & {*sys.modules}\n"
        "print(*heavy)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("\n", "")


def test_what_serves_a_model_is_told_from_what_loads_one() -> None:
    assert ENGINES["vllm"].loads
    assert not ENGINES["openai"].loads
    assert ENGINES["replay"].source is Source.RUN
    for kind in ENGINES.values():  # settings of a service are of a service alone
        assert not (kind.key or kind.reached or kind.asked) or kind.source is Source.SERVICE
        assert bool(kind.packages) == kind.loads
