"""A run of ours in other tools' forms: read back, it is the same run."""

import errno
import json

import pytest
from helpers.foreign import own_scores, read
from typer.testing import CliRunner

from smallscale_ci.cli.main import app
from smallscale_ci.config.seams import EXPORTS
from smallscale_ci.gate.summary import summarise
from smallscale_ci.interop import exported
from smallscale_ci.interop.interface import Wanted
from smallscale_ci.pipeline import sides
from smallscale_ci.run.run import read_run


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


@pytest.mark.parametrize("form", EXPORTS)
def test_an_export_that_fails_leaves_no_half_of_a_file(world, tmp_path, form, monkeypatch):
    """Half a log was left, which other tools refuse or count."""

    def half(source, task):
        yield next(samples(source, task))
        raise OSError(errno.ENOSPC, "No space left on device")

    samples = exported.samples
    for module in ("to_inspect", "to_lm_eval"):
        monkeypatch.setattr(f"smallscale_ci.interop.{module}.samples", half)
    monkeypatch.setattr("smallscale_ci.interop.to_hub.write_text", half_text)
    command = ["export", str(world[0]), "--to", form, "-o", str(tmp_path)]
    if EXPORTS[form].datasets:
        command += ["--dataset", "sums=org/sums"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 3
    assert "cannot be written: No space left on device." in " ".join(done.output.split())
    assert "--output" in done.output
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def half_text(path, text):
    raise OSError(errno.ENOSPC, "No space left on device")
