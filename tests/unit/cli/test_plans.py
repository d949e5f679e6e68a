"""The runs of a command: new ones, or the one to resume."""

import shlex
import shutil
from pathlib import Path

import pytest
from helpers import replayed

from smallscale_ci.cli.command import Context
from smallscale_ci.cli.plans import plans_of
from smallscale_ci.config import load
from smallscale_ci.errors import UsageError
from smallscale_ci.files import write_json
from smallscale_ci.pipeline.request import Request
from smallscale_ci.run.folder import RunFolder

CONTEXT = Context(json=False, quiet=False, verbose=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project with a run to replay and its baseline."""
    place = tmp_path_factory.mktemp("plans")
    replayed.make_configs(place, problems=4)
    replayed.record(replayed.make_run(place, "src", epochs=1), place / "baselines")
    return place


@pytest.fixture
def place(made, tmp_path):
    """A copy of it, in a folder whose name has a blank."""
    return shutil.copytree(made, tmp_path / "my project")


def plans(place, *names, model=None, resume=None):
    asked = Request(str(place / "stored" / "src") if model is None else model, "tiny", "replay")
    settings = replayed.settings(place)
    return plans_of(CONTEXT, asked, names or ("tiny",), settings, resume and Path(resume))


def interrupted(place):
    """The folder of a run that was started and interrupted."""
    (plan,) = plans(place)
    plan.run.path.mkdir(parents=True)
    plan.run.config.write_text(load.dump(plan.config))
    write_json(plan.run.manifest, RunFolder(place / "stored" / "src").read_manifest())
    replayed.alter(plan.run.path, suite={"hash": plan.suite.hash}, status="interrupted")
    replayed.rehash(plan.run.path)
    return plan.run.path


def test_a_new_run_needs_a_model(place):
    with pytest.raises(UsageError, match="Missing argument MODEL") as caught:
        plans(place, model="")
    assert "smollm2" in caught.value.hint


def test_one_run_is_resumed_and_not_two(place):
    with pytest.raises(UsageError, match="resumes one run, but 2 suites are named") as caught:
        plans(place, "tiny", "smoke", resume="runs/a")
    assert "Resume each run by itself" in caught.value.hint
    with pytest.raises(UsageError, match="--resume auto resumes one run"):
        plans(place, "tiny", "smoke", model="", resume="auto")


def test_what_is_told_to_type_can_be_pasted(place, capsys):
    """Of a folder with a blank, only the first half was resumed."""
    path = interrupted(place)
    plans(place)
    said = capsys.readouterr().err.replace("\n", "")
    assert shlex.split(said.rpartition("continue with ")[2]) == ["--resume", str(path)]


@pytest.mark.parametrize("model", [None, ""])
def test_auto_finds_the_unfinished_run_with_and_without_a_model(place, model):
    path = interrupted(place)
    (found,) = plans(place, model=model, resume="auto")
    assert found.run.path == path


def test_auto_starts_a_new_run_where_none_is_unfinished(place):
    (new,) = plans(place, resume="auto")
    assert not new.run.path.exists()
    with pytest.raises(UsageError, match="No unfinished run of eval"):
        plans(place, model="", resume="auto")


def test_an_unfinished_run_whose_data_changed_is_left_and_another_started(place, capsys):
    path = interrupted(place)
    replayed.alter(path, checkpoint={"weights_hash": "other"})
    (new,) = plans(place, resume="auto")
    said = capsys.readouterr().err
    assert "not resumed: " in said
    assert "The weights changed since" in said.replace("\n", " ")
    assert new.config.name == path.name  # the clock of the test stands still
