"""A run in the hub's .eval_results form."""

import json

import pytest
import yaml
from huggingface_hub import EvalResultEntry
from typer.testing import CliRunner

from smallscale_ci.cli.main import app
from smallscale_ci.errors import UsageError
from smallscale_ci.gate.summary import summarise
from smallscale_ci.interop import to_hub
from smallscale_ci.interop.exported import Source
from smallscale_ci.run.folder import RunFolder
from smallscale_ci.run.run import read_run


def export(run, form, folder, *more):
    done = CliRunner().invoke(
        app, ["export", str(run), "--to", form, "-o", str(folder), *more, "--json"]
    )
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)["written"]


def test_the_hub_s_own_parser_takes_its_form(world, tmp_path):
    from huggingface_hub._eval_results import parse_eval_result_entries

    run, _ = world
    (path,) = export(run, "hub", tmp_path, "--dataset", "sums=org/sums:default")
    (entry,) = parse_eval_result_entries(yaml.safe_load(open(path)))  # noqa: SIM115, PTH123
    assert isinstance(entry, EvalResultEntry)
    assert (entry.dataset_id, entry.task_id) == ("org/sums", "default")
    accuracy = summarise(read_run(run).samples).tasks[0].accuracy.value
    assert entry.value == pytest.approx(100 * accuracy, abs=0.01)


def test_a_task_that_no_data_set_of_the_hub_holds_needs_one(world, tmp_path):
    run, suite = world
    with pytest.raises(UsageError, match="No task of the run") as caught:
        to_hub.write(Source(RunFolder(run), read_run(run), suite), tmp_path)
    assert "--dataset" in caught.value.hint
