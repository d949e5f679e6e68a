"""The adapters on real engines with a GPU: the loop's own code, a work folder, real processes.

Run it where an engine is installed, with the Python that has it:
``SMALLSCALE_ENGINE_PYTHON=… SMALLSCALE_MODEL=… pytest -m gpu tests/gpu``.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from smallscale_ci.generate.interface import Job
from smallscale_ci.generate.local import LocalRuntime
from smallscale_ci.generate.planned import Planned
from smallscale_ci.generate.ranks import Limits, Ranks
from smallscale_ci.generate.scheduler import Scheduler
from smallscale_ci.generate.workfolder import WorkFolder
from smallscale_ci.records import FinishReason, Generation, Prompt, SamplingSpec

pytestmark = pytest.mark.gpu

PYTHON = Path(os.environ.get("SMALLSCALE_ENGINE_PYTHON", sys.executable))
MODEL = os.environ.get("SMALLSCALE_MODEL", "")
ARGUMENTS = {
    "vllm": {
        "dtype": "bfloat16",
        "max_model_len": 512,
        "enforce_eager": True,
        "kv_cache_memory_bytes": 4 << 30,  # fixed: other work may share the GPU
        "gpu_memory_utilization": 0.05,
    },
    "sglang": {
        "dtype": "bfloat16",
        "context_length": 512,
        "mem_fraction_static": 0.3,
        "attention_backend": "triton",
        "sampling_backend": "pytorch",
        "grammar_backend": "none",
    },
}


@pytest.fixture(params=["vllm", "sglang"])
def engine(request) -> str:
    if not Path(MODEL, "config.json").is_file():
        pytest.skip("name a checkpoint folder with SMALLSCALE_MODEL")
    code = f"import importlib.util as u, sys; sys.exit(u.find_spec({request.param!r}) is None)"
    if subprocess.run([str(PYTHON), "-c", code], check=False).returncode:
        pytest.skip(f"{PYTHON} has no {request.param}")
    return request.param


def prompts(count: int) -> list[Prompt]:
    texts = [f"What is {n} + {2 * n}? Explain it step by step." for n in range(count)]
    return [
        Prompt(f"p{n}", 0, "t", ({"role": "user", "content": text},), 1000 + n)
        for n, text in enumerate(texts)
    ]


def run(
    place: Path, engine: str, planned: list[Prompt], **options: object
) -> tuple[dict[str, Generation], dict]:
    job = Job(
        engine,
        MODEL,
        SamplingSpec(0.6, 0.95, 0, 0.0, 64, 0),
        32,
        deterministic=True,
        engine_args=ARGUMENTS[engine],
        **options,
    )
    with (
        WorkFolder(place / "work") as folder,
        Scheduler(
            folder,
            Ranks(LocalRuntime(PYTHON, dict(os.environ)), 1, Limits(600, 300)),
            job,
        ) as scheduler,
    ):
        found = [each for some in scheduler.run(Planned.of(planned)) for each in some]
        return {each.problem_id: each for each in found}, scheduler.ranks.info()


def test_an_engine_gives_what_was_planned_and_gives_it_again(engine, tmp_path):
    planned = prompts(64)
    endless = Prompt("long", 0, "t", ({"role": "user", "content": "word " * 2000},), 1)
    first, info = run(tmp_path / "1", engine, [*planned, endless], logprobs=True)
    assert info["engine"] == engine
    assert info["settings"]["max_model_len"] == 512
    assert info["settings"]["attention_backend"]
    assert len(first) == 65
    assert first["long"].finish_reason is FinishReason.ERROR
    assert "context" in first["long"].error
    rest = [each for name, each in first.items() if name != "long"]
    assert {each.finish_reason for each in rest} <= {FinishReason.STOP, FinishReason.LENGTH}
    for each in rest:
        assert 0 < each.completion_tokens == len(each.token_ids) <= 64
        assert (each.completion_tokens == 64) >= (each.finish_reason is FinishReason.LENGTH)
        assert not set(each.token_ids[-1:]) & set(info["end_ids"])
    # The other way round, so that every batch is another one: the seeds decide, not the company.
    again, _ = run(tmp_path / "2", engine, planned[::-1])
    assert set(again) == {prompt.problem_id for prompt in planned}
    same = sum(again[name].token_ids == first[name].token_ids for name in again)
    if engine == "vllm" and same < len(planned):  # docs/benchmarks: 0.25.1 does not hold it
        pytest.xfail(f"vLLM {info['version']}: {same} of {len(planned)} samples came out again")
    assert same == len(planned)
