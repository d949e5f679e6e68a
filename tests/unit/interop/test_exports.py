"""A run of ours in other tools' forms: read back, it is the same run."""

import json

import pytest
import yaml
from helpers import replayed
from helpers.foreign import own_scores, read
from huggingface_hub import EvalResultEntry
from typer.testing import CliRunner

from smallscale_ci.cli.main import app
from smallscale_ci.errors import UsageError
from smallscale_ci.gate.summary import summarise
from smallscale_ci.interop import to_hub
from smallscale_ci.interop.interface import Wanted
from smallscale_ci.pipeline import sides
from smallscale_ci.run.run import read_run


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    place = tmp_path_factory.mktemp("export")
    replayed.make_configs(place, problems=20)
    run = replayed.make_run(place, "src", epochs=2)
    return run, replayed.read_suite(place)[1]


def export(run, form, folder, *more):
    done = CliRunner().invoke(
        app, ["export", str(run), "--to", form, "-o", str(folder), *more, "--json"]
    )
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)["written"]


@pytest.mark.parametrize("form", ["inspect", "lm-eval"])
def test_what_is_exported_is_read_back_as_it_was(world, tmp_path, form):
    run, _ = world
    written = export(run, form, tmp_path / "out")
    source = written[0] if form == "inspect" else tmp_path / "out"
    held, back = read_run(run).samples, sides.load(type(run)(source), Wanted()).samples
    good = int((~held.errored).sum())
    assert int((~back.errored).sum()) == good
    assert int(back.correct.sum()) == int(held.correct.sum())
    log, samples = read(type(run)(source))
    accuracy = summarise(held).tasks[0].accuracy.value
    assert list(log.facts.scores.values()) == pytest.approx([accuracy])
    assert list(own_scores(samples).values()) == pytest.approx([accuracy])
    assert log.facts.settings["sampling.max_tokens"] == 64
    if form == "inspect":
        assert sorted(back.tokens[~back.errored]) == sorted(held.tokens[~held.errored])
        assert int(back.truncated.sum()) == int(held.truncated.sum())


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
        to_hub.write(read_run(run), suite, tmp_path, {})
    assert "--dataset" in caught.value.hint
