"""``export``: what its options name, before anything is written."""

import pytest
from helpers import replayed
from typer.testing import CliRunner

from smallscale_ci.cli.main import app


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    place = tmp_path_factory.mktemp("cli-export")
    replayed.make_configs(place, problems=4)
    return replayed.make_run(place, "src", epochs=1)


def export(run, *arguments):
    return CliRunner().invoke(app, ["export", str(run), *arguments])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--to", "hub", "--dataset", "org/name"), "not of the form TASK=ORG/NAME"),
        (("--to", "hub", "--dataset", "sums=name"), "not of the form TASK=ORG/NAME"),
        (("--to", "hub", "--dataset", "sum=org/name"), "did you mean 'sums'?"),
        (("--to", "inspect", "--dataset", "sums=org/name"), "and --to is inspect"),
        (("--to", "hub"), "No task of the run is from a data set of the hub"),
    ],
)
def test_a_data_set_that_would_be_ignored_is_refused(run, arguments, said):
    """`--dataset sum=org/name` was dropped without a word."""
    done = export(run, *arguments)
    assert done.exit_code == 2
    assert said in " ".join(done.output.split())
    assert not list((run / "export").rglob("*.yaml"))


def test_files_are_written_below_the_run_or_where_it_is_said(run, tmp_path):
    done = export(run, "--to", "hub", "--dataset", "sums=org/name:main")
    assert done.exit_code == 0, done.output
    (path,) = (run / "export" / "hub").rglob("*.yaml")
    assert "task_id: main" in path.read_text()
    assert export(run, "--to", "lm-eval", "-o", str(tmp_path / "new" / "er")).exit_code == 0
    assert len(list((tmp_path / "new" / "er").iterdir())) == 2
