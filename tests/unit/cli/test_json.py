"""With --json stdout is one JSON value, whatever a command finds and however it ends."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from helpers import replayed
from typer.testing import CliRunner

from smallscale_ci.cli.main import app
from smallscale_ci.containers import box, images, memory
from smallscale_ci.containers.box import Inside

LOCK = Path(__file__).parents[3] / "docker" / "images.lock.yaml"


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("place")
    replayed.make_configs(place, problems=12)
    replayed.make_run(place, "src", epochs=1)
    return place


@pytest.fixture(autouse=True)
def here(place, monkeypatch):
    monkeypatch.chdir(place)
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def value(code: int, *arguments: str) -> Any:
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_generated_alone(tmp_path):
    run = value(
        0, "generate", "stored/src", "--suite", "tiny", "--profile", "replay", "--no-judge",
        "--runs", str(tmp_path),
    )["run"]  # fmt: skip
    assert Path(run, "generations.parquet").is_file()


def test_the_problems_of_a_configuration(tmp_path):
    gate = tmp_path / "g.yaml"
    gate.write_text("name: g\nmargin: {}\nmax_epochs: many\n")
    found = value(2, "compare", "stored/src", "m", "--gate", str(gate))
    assert found["error"] == f"{gate} has 2 problems."
    assert found["problems"] == [
        f"{gate}:2: margin: unknown key (did you mean 'margins'?)",
        f'{gate}:3: max_epochs: must be a whole number, not "many"',
    ]
    assert "smallscale schema gate`" in found["hint"]


def test_images_that_are_not_here(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "memory:verify")
    engine = memory.engine("verify")
    pinned = images.pinned(images.read(LOCK), "vllm")
    engine.registry[f"{pinned.repository}:{pinned.tag}"] = pinned.digest

    def version(inside: Inside) -> int:
        inside.write(f"{pinned.version}+cu130\n".encode())
        return 0

    engine.program = version
    assert "not on this machine" in value(3, "image", "verify", "vllm")["error"]
    value(0, "image", "pull", "vllm")
    found = value(0, "image", "verify", "vllm")["vllm"]
    assert found == f"{pinned.digest} with vllm {pinned.version}"
    assert "not on this machine" in value(3, "image", "verify", "vllm", "sglang")["error"]
    engine.program = box.nothing
    assert "of no version" in value(3, "image", "verify", "vllm")["error"]
    assert engine.labelled() == []
