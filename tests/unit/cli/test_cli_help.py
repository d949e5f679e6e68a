import importlib
import inspect
import json
import pkgutil
import re
import subprocess
import sys
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from smallscale_ci import __version__, cli
from smallscale_ci.cli.main import app

# typer itself loads pydantic for the help of a command.
HEAVY = ("numpy", "scipy", "sympy", "pyarrow", "docker", "rich", "yaml", "pebble")


def commands() -> dict[str, Any]:
    """Every command by its full name, groups left out."""
    found: dict[str, Any] = {}

    def walk(prefix: str, command: Any) -> None:
        if hasattr(command, "commands"):
            for name, inner in command.commands.items():
                walk(f"{prefix} {name}".strip(), inner)
        else:
            found[prefix] = command

    walk("", typer.main.get_command(app))
    return found


@pytest.mark.parametrize("name", commands())
def test_help_ends_with_an_example_that_parses(name):
    done = CliRunner().invoke(app, [*name.split(), "--help"])
    assert done.exit_code == 0
    example = " ".join(done.output.partition("Example: smallscale ")[2].split())
    assert example.startswith(name)
    given = re.sub(r" > \S+$", "", example).removeprefix(name)
    words = [word.strip("'") for word in re.findall(r"'[^']*'|\S+", given)]
    context = commands()[name].make_context(name, words)
    assert context.params


@pytest.mark.parametrize("name", commands())
def test_every_command_has_the_common_options_and_environment_names(name):
    options = [p for p in commands()[name].params if p.param_type_name == "option"]
    names = {option.opts[0] for option in options}
    assert {"--json", "--quiet", "--verbose"} <= names
    for option in options:
        if option.opts[0] != "--help":
            assert option.envvar == "SMALLSCALE_" + option.opts[0][2:].upper().replace("-", "_")
            assert option.help


GROUPS = ("", *sorted({name.partition(" ")[0] for name in commands() if " " in name}))


@pytest.mark.parametrize("group", GROUPS)
def test_lists_of_commands_fit_80_columns_uncut(group):
    done = CliRunner().invoke(app, [*group.split(), "--help"], terminal_width=80)
    listed = done.output.partition("\nCommands:\n")[2].splitlines()
    assert listed
    assert not [line for line in listed if line.endswith("...") or len(line) > 80]


@pytest.mark.parametrize("name", commands())
def test_usage_and_arguments_are_words_of_people(name):
    """``verify [OPTIONS] RUN``, and no type of Python: ``{RUN} <list[Path]>`` is Typer's."""
    done = CliRunner().invoke(app, [*name.split(), "--help"], terminal_width=80)
    usage = done.output.partition("\n\n")[0]
    assert "{" not in usage
    assert not re.search(r"<(str|path|int|float|list\[\w+\])>", done.output)
    assert all(len(line) <= 80 for line in done.output.splitlines())


def functions() -> list[Any]:
    """The functions of all commands, as the modules of ``cli/`` register them."""
    found = []
    for info in pkgutil.iter_modules(cli.__path__):
        module = importlib.import_module(f"{cli.__name__}.{info.name}")
        for _, function in inspect.getmembers(module, inspect.isfunction):
            parameters = [*inspect.signature(function).parameters]
            is_own = function.__module__ == module.__name__ and function.__name__[0] != "_"
            if is_own and parameters[:1] == ["context"]:
                found.append(function)
    return found


def test_no_command_has_more_than_15_parameters_of_its_own():
    """Options that belong together are one parameter: a frozen dataclass of groups.py."""
    counts = {f.__qualname__: len(inspect.signature(f).parameters) - 1 for f in functions()}
    assert len(counts) > 20
    assert {name: count for name, count in counts.items() if count > 15} == {}


def test_no_command_is_longer_than_70_lines():
    """Its options included: what it does is in ``pipeline/`` and the stages."""
    lengths = {f.__qualname__: len(inspect.getsourcelines(f)[0]) for f in functions()}
    assert {name: length for name, length in lengths.items() if length > 70} == {}


def test_a_training_runs_only_where_models_can_be_trained():
    done = CliRunner().invoke(app, ["train", "m", "p", "--runtime", "ray"])
    assert done.exit_code == 2
    assert "'ray' is not one of" in done.stderr
    assert "docker" in done.stderr


def test_no_two_options_share_an_environment_name_with_another_meaning():
    meanings: dict[str, set[str]] = {}
    for command in commands().values():
        for option in command.params:
            if option.envvar and option.param_type_name == "option":
                meanings.setdefault(str(option.envvar), set()).add(option.opts[0])
    assert all(len(names) == 1 for names in meanings.values())


@pytest.mark.parametrize("arguments", [["--help"], ["eval", "--help"], ["--version"]])
def test_help_loads_nothing_heavy(arguments):
    code = (
        "import sys, json\n"
        "from smallscale_ci.cli.main import app\n"
        f"try: app({arguments!r})\n"
        "except SystemExit: pass\n"
        f"print('\\n' + json.dumps([name for name in {HEAVY!r} if name in sys.modules]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == []


def test_version():
    done = CliRunner().invoke(app, ["--version"])
    assert done.output.strip() == f"smallscale {__version__}"


WRONG = ("evil", "eval --sweet", "eval m --epochs 0", "eval m --seed 2147483648", "compare")


@pytest.mark.parametrize("arguments", WRONG)
def test_wrong_usage_is_exit_code_2(arguments):
    assert CliRunner().invoke(app, arguments.split()).exit_code == 2


def test_names_are_completed():
    options = {option.name: option for option in commands()["eval"].params}

    def completed(name: str, started: str) -> list[str]:
        context = commands()["eval"].make_context("eval", ["m"])
        return [item.value for item in options[name].shell_complete(context, started)]

    assert completed("suite", "smo") == ["smoke", "smoke-code", "smoke-train"]
    assert "vllm-cpu" in completed("profile", "vllm")
    assert completed("gate", "stri") == ["strict"]
    assert "smoke/vllm-cpu/smollm2" in completed("baseline", "smoke/")
