"""What Typer refuses: one sentence as of any other error, what was given, and a next step."""

import json

import pytest
from typer.testing import CliRunner

from smallscale_ci.cli.main import app


def told(*arguments: str) -> list[str]:
    done = CliRunner().invoke(app, list(arguments))
    assert (done.exit_code, done.stdout) == (2, "")
    return done.stderr.splitlines()


@pytest.mark.parametrize(
    ("arguments", "said", "see"),
    [
        (("eval", "--epochs", "x"), '--epochs: must be a whole number, not "x".', "eval"),
        (
            ("eval", "--epochs", "0"),
            '--epochs: must be greater than or equal to 1, not "0".',
            "eval",
        ),
        (
            ("eval", "-s", "a", "--runtime", "dockr"),
            "--runtime: 'dockr' is not one of auto, docker, local, ray (did you mean 'docker'?).",
            "eval",
        ),
        (("schema", "gat"), "NAME: 'gat' is not one of suite, engine, gate", "schema"),
        (("eval", "--suit", "x"), "No such option: --suit (did you mean '--suite'?).", "eval"),
        (("judge",), "Missing argument RUN.", "judge"),
        (("evl",), "No such command 'evl'. Did you mean 'eval'?", ""),
        (("suite", "lst"), "No such command 'lst'. Did you mean 'list'?", "suite"),
        (("eval", "x", "--limit"), "Option '--limit' requires an argument.", "eval"),
        (("suite", "list", "--suite"), "", "suite list"),
        (("export", "x"), "Missing option --to. Choose from: inspect, lm-eval, hub.", "export"),
        (("suite", "list", "x"), "Got unexpected extra argument", "suite list"),
    ],
)
def test_what_is_wrong_begins_with_what_was_given_and_help_is_named(arguments, said, see):
    error, hint = told(*arguments)
    assert error.startswith(f"error: {said}")
    assert hint.startswith("  → See `")
    assert hint.endswith(f" {see} --help`.".replace("  ", " "))


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("SMALLSCALE_JSON", "maybe", 'must be true or false, not "maybe".'),
        ("SMALLSCALE_EPOCHS", "x", 'must be a whole number, not "x".'),
        ("SMALLSCALE_RUNTIME", "podman", "'podman' is not one of auto, docker, local, ray."),
    ],
)
def test_a_value_of_the_environment_is_named_by_its_variable(monkeypatch, variable, value, said):
    monkeypatch.setenv(variable, value)
    assert told("eval", "m")[0] == f"error: {variable}={value}: {said}"


def test_a_group_without_a_command_shows_its_help():
    done = CliRunner().invoke(app, ["suite"])
    assert "Commands:" in done.output
    assert "error" not in done.output


def test_a_variable_that_is_nearly_one_of_an_option_is_warned_of_once(monkeypatch):
    """SMALLSCALE_SUIT=tiny was ignored silently, and CI went on with the default."""
    for name in ("SUIT", "BASELINE", "JUDGE_URL", "TEST_DATA", "SOMETHING_ELSE"):
        monkeypatch.setenv(f"SMALLSCALE_{name}", "https://x")
    done = CliRunner().invoke(app, ["suite", "list", "--json", "-q"])
    assert done.exit_code == 0
    assert done.stderr == (
        "warning: SMALLSCALE_SUIT is not read (did you mean SMALLSCALE_SUITE?).\n"
    )
    json.loads(done.stdout)


@pytest.mark.parametrize("option", ["--max-epochs", "--token-budget", "--time-budget"])
def test_what_adds_epochs_is_refused_where_none_is_added(option):
    """A trial (--limit) ignored them silently."""
    error, hint = told("eval", "m", "--limit", "10", option, "4")
    assert error == f"error: {option}: --limit gives no verdict, so no epoch is added."
    assert hint == f"  → Leave out {option}."


def test_what_is_wrong_is_annotated_in_a_github_job(monkeypatch, tmp_path):
    """Only errors of commands were; the log of a job is folded."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    *_, last = told("eval", "--epochs", "x")
    assert last.startswith("::error title=smallscale::--epochs: must be a whole number")
    assert "--epochs: must be a whole number" in (tmp_path / "summary.md").read_text()
    monkeypatch.setenv("SMALLSCALE_SUIT", "x")
    done = CliRunner().invoke(app, ["suite", "list", "-q"])
    assert "::warning title=smallscale::SMALLSCALE_SUIT is not read" in done.stderr
