"""How a command ends: every way is an exit code and a sentence."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from smallscale_ci.cli.command import Context, command
from smallscale_ci.cli.option import option
from smallscale_ci.errors import (
    ConfigError,
    ContainerError,
    DataError,
    EngineError,
    InvalidError,
    RunInterruptedError,
    StorageError,
    UsageError,
)


def run(error: BaseException | None, *arguments: str):
    """A command that ends with ``error``."""
    app = typer.Typer()

    def act(context: Context) -> int:
        if error is not None:
            raise error
        return 5

    command(app, "act", "smallscale act")(act)
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture(autouse=True)
def signals():
    endings = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1)
    kept = {number: signal.getsignal(number) for number in endings}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def test_what_the_command_line_gives_can_be_refused_by_its_long_name(monkeypatch):
    app = typer.Typer()

    def act(
        context: Context,
        place: Annotated[str, typer.Argument()],
        first: Annotated[str, option("-f", "--first-one")] = "a",
        second: Annotated[bool, option("--second/--no-second")] = False,
    ) -> None:
        context.refuse(("second", "first"), f"{place} has no use for it")

    command(app, "act", "smallscale act")(act)
    assert CliRunner().invoke(app, ["x"]).exit_code == 0
    monkeypatch.setenv("SMALLSCALE_FIRST_ONE", "b")  # it may be for another command
    assert CliRunner().invoke(app, ["x"]).exit_code == 0
    done = CliRunner().invoke(app, ["x", "-f", "a", "--no-second"])  # also a default
    assert done.exit_code == 2
    assert "error: --second, --first-one: x has no use for it." in done.stderr
    assert "Leave out --second and --first-one." in done.stderr


def test_json_on_stdout_can_be_printed_whatever_a_name_holds():
    hostile = "\udcff \x9b31m \u202e ##[error]owned é"
    told = run(UsageError(hostile, "do"), "--json")
    assert told.exit_code == 2
    assert not {"\udcff", "\x9b", "\u202e"} & set(told.stdout)
    assert "##[" not in told.stdout
    assert "é" in told.stdout
    assert json.loads(told.stdout)["error"] == hostile


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("what", "do"), 2),
        (ConfigError("what", ["f.yaml:3: a", "f.yaml:4: b"], "do"), 2),
        (DataError("what", "do"), 2),
        (EngineError("what", "do", "last\x1b[31m line"), 3),
        (ContainerError("what", "do"), 3),
        (StorageError("what", "do"), 3),
        (InvalidError("what", "do"), 4),
        (RunInterruptedError("what", "do"), 130),
    ],
)
def test_each_family_has_its_exit_code(error, code):
    done = run(error)
    assert done.exit_code == code
    assert done.stdout == ""
    assert "error: what" in done.stderr
    assert "→ do" in done.stderr
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stderr  # neither ours nor an engine's
    if isinstance(error, ConfigError):
        assert all(problem in done.stderr for problem in error.problems)
    if isinstance(error, EngineError):
        assert "line" in done.stderr


@pytest.mark.parametrize(
    ("error", "message", "code"),
    [
        (InvalidError("what", "do"), "what", 4),
        (OSError(28, "No space left", "f"), "No space left (f).", 3),
        (KeyError("x"), "Internal error: KeyError: 'x'", 3),
        (KeyboardInterrupt(), "Interrupted.", 130),
    ],
)
def test_as_json_the_error_is_on_stdout_too(error, message, code):
    done = run(error, "--json")
    value = json.loads(done.stdout)
    assert (value["error"], value["exit_code"], done.exit_code) == (message, code, code)
    assert f"error: {message}" in done.stderr


def test_a_bug_is_a_sentence_and_a_traceback_only_on_request():
    done = run(KeyError("x"))
    assert done.exit_code == 3
    assert "Internal error: KeyError: 'x'" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Traceback" in run(KeyError("x"), "-v").stderr


def test_an_os_error_names_its_file():
    done = run(PermissionError(13, "Permission denied", "/some/file"))
    assert done.exit_code == 3
    assert "Permission denied (/some/file)" in done.stderr


def test_the_code_of_a_command_is_its_own():
    assert run(None).exit_code == 5
    assert run(KeyboardInterrupt()).exit_code == 130


def test_markup_in_names_is_printed_as_it_is():
    assert "runs/[red]x" in run(UsageError("no runs/[red]x", "")).stderr


def test_a_text_that_programs_may_read_is_not_broken():
    digest = "127.0.0.1:5055/smallscale/vllm-cpu@sha256:" + 64 * "a"
    printed = subprocess.run(
        [sys.executable, "-c", f"""if True:
            from smallscale_ci.cli.output import Output
            Output(json=False, quiet=False).result("vllm-cpu: {digest}")"""],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert printed.stdout == f"vllm-cpu: {digest}\n"


SLEEPER = """
import os, signal, sys, time
import typer
from smallscale_ci.cli.command import command
app = typer.Typer()
def act(context):
    try:
        print("up", flush=True)
        SLEEP
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):  # whoever is impatient
            os.kill(os.getpid(), number)
        print("cleaned", flush=True)
command(app, "act", "smallscale act")(act)
app()
"""


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1]
)
def test_cleaning_up_is_not_interrupted_by_the_next_signal(number):
    # Whatever started the tests, nohup for one, may have told them to ignore it.
    heard = f"import signal; signal.signal({number:d}, signal.SIG_DFL)" + SLEEPER
    # One long sleep would hear only at its end of a signal that comes just before it.
    heard = heard.replace("SLEEP", "[time.sleep(0.01) for _ in range(3000)]")
    process = subprocess.Popen(
        [sys.executable, "-c", heard],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (out, process.returncode) == ("cleaned\n", 130), err


def test_what_was_started_to_outlive_its_terminal_does():
    code = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)" + SLEEPER
    code = code.replace("SLEEP", "os.kill(os.getpid(), signal.SIGHUP); time.sleep(0.2)")
    code = code.replace("for number in (signal.SIGINT, signal.SIGTERM):", "for number in ():")
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.stdout, done.returncode) == ("up\ncleaned\n", 0), done.stderr


def test_a_reader_that_leaves_is_no_error():
    code = "from smallscale_ci.cli.main import main; main()"
    pipe = f"'{sys.executable}' -c '{code}' suite show smoke --problems 200 | head -1"
    command = ["bash", "-o", "pipefail", "-c", pipe]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


WRITER = """
import typer
from smallscale_ci.cli.command import command
app = typer.Typer()
def act(context):
    for number in range(2):
        context.out.say(f"{number}")
        if context.json:
            context.out.json({"number": number})
        else:
            context.out.result(f"{number}")
    return 5
command(app, "act", "smallscale act")(act)
app()
"""


@pytest.mark.parametrize("arguments", [[], ["--json"]])
@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_a_reader_that_leaves_does_not_change_the_exit_code(arguments, closed):
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    getattr(process, closed).close()
    other = process.stderr if closed == "stdout" else process.stdout
    assert other is not None
    said = other.read()
    assert process.wait(20) == 5, said
    assert b"Traceback" not in said
    assert b"BrokenPipe" not in said
    other.close()


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_results_that_cannot_be_written_are_an_error(arguments):
    command = [sys.executable, "-c", WRITER, *arguments]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60
        )
    assert done.returncode == 3
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_signs_that_the_locale_lacks_are_printed_all_the_same(encoding):
    code = "from smallscale_ci.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "compare", "no−such→run\udcff", "m"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        check=False,
    )
    assert done.returncode == 2
    assert "no−such→run" in done.stderr.decode()


@pytest.mark.parametrize("error", [UsageError("That.", "This."), KeyError("x"), OSError(5, "Bad")])
def test_every_error_is_annotated_in_a_github_job(monkeypatch, error):
    """An internal error and one of the disk were not."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    assert run(error).stderr.count("::error title=smallscale::") == 1
