"""With -q every command prints its results and nothing else, with --json one value and no more."""

import json

import pytest
from helpers import replayed
from typer.testing import CliRunner

from smallscale_ci.cli.main import app
from smallscale_ci.run.run import read_run

EVAL = ("stored/good", "--suite", "tiny", "--profile", "replay", "--baseline", "tiny/replay/m")
FEW = ("--trials", "2")
# Each command that can end well here; {id} is a problem's.
COMMANDS = {
    "eval": ("eval", *EVAL),
    "eval of a plan": ("eval", *EVAL, "--dry-run"),
    "generate": ("generate", *EVAL[:5], "--epochs", "1"),
    "judge": ("judge", "stored/good"),
    "judge --explain": ("judge", "stored/good", "--explain", "{id}"),
    "compare": ("compare", "stored/good", "m"),
    "report --compare": ("report", "--compare", "stored/good", "stored/src"),
    "verify": ("verify", "m"),
    "show": ("show", "stored/good", "{id}"),
    "plan": ("plan", "m", "--suite", "tiny", "--profile", "replay", *FEW),
    "calibrate": ("calibrate", "m", *FEW),
    "history": ("history", "stored", "--html", "history.html"),
    "history of nothing": ("history",),
    "export": ("export", "stored/good", "--to", "lm-eval"),
    "pairs": ("pairs", "stored/src", "--pairs", "lcpo-smoke", "--set", "pairs.leaks=drop"),
    "init": ("init", "fresh", "--repository", "a/b"),
    "schema": ("schema", "gate"),
    "doctor": ("doctor",),
    "baseline record": ("baseline", "record", "stored/good", "-m", "second", "--by", "Ada"),
    "baseline list": ("baseline", "list"),
    "baseline show": ("baseline", "show", "m"),
    "baseline verify": ("baseline", "verify"),
    "suite list": ("suite", "list"),
    "suite show": ("suite", "show", "tiny"),
    "suite verify": ("suite", "verify"),
    "image list": ("image", "list"),
}
_ENDINGS = {"eval": {0, 5}, "compare": {0, 5}, "doctor": {0, 3}}  # chance, and the machine


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    place = tmp_path_factory.mktemp("world")
    (place / "fresh").mkdir()
    replayed.make_configs(place, problems=40)
    replayed.record(replayed.make_run(place, "src", epochs=8), place / "baselines")
    replayed.make_run(place, "good", epochs=2, seed=3)
    return place


@pytest.fixture
def called(world, monkeypatch):
    monkeypatch.chdir(world)
    problem = read_run(world / "stored" / "good").samples.problem_ids[0]

    def call(name, *more):
        words = [word.replace("{id}", str(problem)) for word in COMMANDS[name]]
        done = CliRunner().invoke(app, [*words, *more])
        assert done.exit_code in _ENDINGS.get(name, {0}), done.output
        return done

    return call


@pytest.mark.parametrize("name", COMMANDS)
def test_quiet_commands_print_results_alone(called, name):
    done = called(name, "-q")
    told = [line for line in done.stderr.splitlines() if not line.startswith("warning: ")]
    assert told == []
    assert done.stdout.strip()


@pytest.mark.parametrize("name", COMMANDS)
def test_json_is_one_value(called, name):
    done = called(name, "--json", "-q")
    assert json.loads(done.stdout) is not None


def test_every_command_is_tried():
    """But those that train, download, or write to GitHub."""
    left_out = {"train", "candidate", "publish", "engine", "image", "suite"}
    names = {command.name for command in app.registered_commands}
    assert names - left_out <= {words[0] for words in COMMANDS.values()}
