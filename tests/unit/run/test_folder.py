import shutil

import pytest
from helpers import replayed

from smallscale_ci.errors import ConfigError, DataError, InvalidError, UsageError
from smallscale_ci.files import read_json, write_json
from smallscale_ci.run import tables
from smallscale_ci.run.folder import RunFolder, is_run, open_run


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    place = tmp_path_factory.mktemp("runs")
    replayed.make_configs(place, problems=8)
    return place, replayed.make_run(place, "one", epochs=2)


@pytest.fixture
def run(stored, tmp_path):
    return RunFolder(shutil.copytree(stored[1], tmp_path / "run"))


def test_a_run_gives_its_samples(run):
    samples = run.read_samples()
    assert len(samples) == 16
    assert samples.tasks == ("sums",)
    assert not samples.errored.any()
    assert samples.tokens.min() >= 10


def test_a_folder_without_manifest_is_no_run(tmp_path):
    assert not is_run(tmp_path)
    with pytest.raises(UsageError, match=r"not a run folder"):
        open_run(tmp_path)


def test_generations_of_another_run_are_refused(run, stored):
    other = replayed.make_run(stored[0], "other", seed=9, epochs=2)
    shutil.copy(other / "generations.parquet", run.generations)
    with pytest.raises(InvalidError, match=r"generations\.parquet was changed"):
        run.read_samples()


def test_judgements_of_other_samples_are_refused(run):
    kept = [tables.judgement_row(j, "") for j in list(tables.judgements(run.judgements))[:-1]]
    made_from = tables.predecessor_of(run.judgements, tables.JUDGEMENTS)
    tables.write(run.judgements, tables.JUDGEMENTS, kept, made_from)
    replayed.rehash(run.path)
    with pytest.raises(InvalidError, match="list different samples") as caught:
        run.read_samples()
    assert f"smallscale judge {run.path}" in caught.value.hint


def test_a_run_without_judgements_says_which_stage_is_missing(run):
    run.judgements.unlink()
    with pytest.raises(DataError, match=r"There is no .*judgements"):
        run.read_samples()


def test_the_configuration_is_read_or_its_lack_told(run):
    assert run.read_config().suite.name == "tiny"
    run.config.write_text("name: x\nmodell: y\n")
    with pytest.raises(ConfigError) as caught:
        run.read_config()
    assert any("modell: unknown key (did you mean 'model'?)" in p for p in caught.value.problems)
    run.config.unlink()
    with pytest.raises(ConfigError, match=r"There is no file .*config.yaml") as caught:
        run.read_config()
    assert "Restore the file" in caught.value.hint


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", '"x"', '{"a": NaN}', '{"a": "\\ud800"}', "[" * 9999, "\xff"]
)
def test_json_that_is_no_object_is_refused(tmp_path, text):
    (tmp_path / "x.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError):
        read_json(tmp_path / "x.json")


def test_json_is_written_sorted_and_whole(tmp_path):
    write_json(tmp_path / "x.json", {"b": 1, "a": [2]})
    assert (tmp_path / "x.json").read_text().startswith('{\n  "a"')
    assert read_json(tmp_path / "x.json") == {"a": [2], "b": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]


def test_only_a_complete_run_is_refused_to_be_run_again(run, tmp_path):
    RunFolder(tmp_path / "new").refuse_complete()
    with pytest.raises(UsageError, match="nothing to resume"):
        run.refuse_complete()
    replayed.alter(run.path, status="running")
    run.refuse_complete()


def test_samples_of_a_run_whose_generations_were_deleted(run):
    run.generations.unlink()
    with pytest.raises(DataError, match=r"There is no .*generations\.parquet"):
        run.read_samples()
