"""A run as one value, read from its folder or from a bare file of samples."""

import shutil
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from smallscale_ci import files
from smallscale_ci.errors import DataError, InvalidError
from smallscale_ci.run.folder import RunFolder
from smallscale_ci.run.run import read_file, read_run, read_summary
from smallscale_ci.run.samples_table import to_table


def test_a_run_is_read_with_its_levels_and_where_it_is_found_again(stored):
    run = read_run(stored / "one")
    assert (run.name, run.source) == ("one", str(stored / "one"))
    assert len(run.samples) == 16
    assert run.summary.planned == 16
    assert run.recorded is None  # nobody made it a baseline
    right = run.summary.tasks[0].accuracy.value
    assert right == pytest.approx(run.samples.correct.mean())


def test_its_files_are_each_parsed_once(stored, monkeypatch):
    parsed = Counter()
    arrow, value = pq.ParquetFile, files.parse_json

    def by_arrow(path, **options):
        parsed[Path(path).name] += 1
        return arrow(path, **options)

    def by_pydantic(content, where, hint):
        parsed[Path(where).name] += 1
        return value(content, where, hint)

    monkeypatch.setattr(pq, "ParquetFile", by_arrow)
    monkeypatch.setattr(files, "parse_json", by_pydantic)
    read_run(stored / "one")
    tables, records = (
        ("generations.parquet", "judgements.parquet"),
        ("manifest.json", "summary.json"),
    )
    assert parsed == dict.fromkeys((*tables, *records), 1)


def test_a_run_that_was_not_judged_says_how_to_judge_it(stored, tmp_path):
    folder = RunFolder(shutil.copytree(stored / "one", tmp_path / "a run"))
    folder.summary.unlink()
    with pytest.raises(DataError, match=r"summary\.json") as caught:
        read_summary(folder)
    assert caught.value.hint == f"Judge it first: smallscale judge '{tmp_path / 'a run'}'"


@pytest.mark.parametrize("name", ["summary.json", "judgements.parquet", "generations.parquet"])
def test_no_file_of_a_run_can_be_exchanged(stored, tmp_path, name):
    """Files of another run are whole and of the right kind, and still no part of this one."""
    folder = shutil.copytree(stored / "one", tmp_path / "one")
    shutil.copy(stored / "two" / name, folder / name)
    with pytest.raises((InvalidError, DataError)):
        read_run(folder)


def test_a_bare_file_has_no_manifest_and_its_tasks_are_in_no_order_of_its_own(stored, tmp_path):
    samples = read_run(stored / "one").samples
    path = tmp_path / "mine.parquet"
    pq.write_table(to_table(samples), path)
    run = read_file(path)
    assert (run.name, run.manifest, run.source) == ("mine", None, str(path))
    assert run.samples.digest() == samples.digest()
    assert run.tasks == ("sums",)
