"""The application: its commands, its version, and what it keeps from being imported."""

import importlib
import sys

import pytest
from typer.testing import CliRunner

from smallscale_ci import __version__
from smallscale_ci.cli import main


def test_the_version_is_that_of_the_package():
    done = CliRunner().invoke(main.app, ["--version"])
    assert (done.exit_code, done.stdout) == (0, f"smallscale {__version__}\n")


def test_no_two_commands_have_one_name_and_each_has_help():
    commands = [*main.app.registered_commands, *main.app.registered_groups]
    names = [str(command.name) for command in commands]
    assert len({*names}) == len(names)
    done = CliRunner().invoke(main.app, ["-h"])
    assert all(f" {name} " in done.stdout for name in names)


@pytest.mark.parametrize("arguments", [["no-such-command"], ["baseline", "no-such"], ["--wrong"]])
def test_what_is_no_command_is_a_usage_error(arguments):
    assert CliRunner().invoke(main.app, arguments).exit_code == 2


def test_pandas_is_hidden_and_nothing_else(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", [main._WithoutPandas(), *sys.meta_path])
    monkeypatch.delitem(sys.modules, "pandas", raising=False)
    with pytest.raises(ModuleNotFoundError) as caught:
        importlib.import_module("pandas")
    assert caught.value.name == "pandas"
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    assert importlib.import_module("colorsys")
