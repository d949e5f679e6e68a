"""With --json stdout is one JSON value, whatever a command finds and however it ends."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from helpers import replayed
from typer.testing import CliRunner

from smallscale_ci.cli.main import app
from smallscale_ci.containers import catalog
from smallscale_ci.containers.docker import Engine
from smallscale_ci.errors import ContainerError


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
    assert "`smallscale schema gate`" in found["hint"]


def test_images_that_are_not_here(monkeypatch):
    def verify(locked: Any, name: str, engine: Any, **_) -> str:
        if name != "vllm":
            raise ContainerError(f"no {name}", "get it")
        return "0.31.0"

    monkeypatch.setattr(catalog, "verify", verify)
    monkeypatch.setattr(Engine, "connect", lambda environment: None)
    assert value(0, "image", "verify", "vllm") == {"vllm": "0.31.0"}
    assert value(3, "image", "verify", "vllm", "sglang")["error"] == "no sglang"
