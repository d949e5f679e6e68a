from pathlib import Path

import pytest

from smallscale_ci import runtimes
from smallscale_ci.config.models import EngineProfile
from smallscale_ci.errors import ContainerError, UsageError
from smallscale_ci.runtimes import Choice

LOCK = Path("none.yaml")


def choose(tmp_path: Path, **profile: object) -> tuple[Choice, list[str]]:
    """The choice on a machine whose container engine does not answer, and what was said."""
    said: list[str] = []
    away = {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    values = {"name": "p", "engine": "vllm", **profile}
    return runtimes.choose(EngineProfile(**values), LOCK, away, said.append), said


def test_local_asks_no_container_engine(tmp_path):
    assert choose(tmp_path, runtime="local") == (Choice(), [])
    for engine in ("replay", "openai"):
        choice, said = choose(tmp_path, engine=engine)
        assert (choice.name, said) == ("local", [])


def test_auto_says_why_it_is_local(tmp_path):
    choice, said = choose(tmp_path, image="vllm")
    assert choice.name == "local"
    assert "no container engine answers" in choice.reason
    assert said == [f"runtime: local ({choice.reason})"]
    choice, _ = choose(tmp_path)
    assert choice.reason == "the profile 'p' names no image"


def test_docker_that_cannot_be_is_an_error(tmp_path):
    with pytest.raises(ContainerError, match="no container engine answers"):
        choose(tmp_path, runtime="docker", image="vllm")
    with pytest.raises(UsageError, match="names no image"):
        choose(tmp_path, runtime="docker")
    with pytest.raises(UsageError, match="have no network"):
        choose(tmp_path, runtime="docker", engine="openai", image="vllm")


def test_what_workers_see(tmp_path):
    work, model = tmp_path / "run" / "work", tmp_path / "model"
    assert Choice().seen(model, work) == str(model)
    boxed = Choice("docker")
    assert boxed.seen(model, work) == "/checkpoint"
    assert boxed.seen(work / "replay.jsonl", work) == "/work/replay.jsonl"
