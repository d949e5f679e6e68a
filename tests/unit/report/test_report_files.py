"""Every file of a report is one line of a table."""

import importlib

import pytest
from helpers.report_examples import EXAMPLES

from smallscale_ci.report import files


@pytest.mark.parametrize("module", files.FILES.values())
def test_every_format_is_a_module_that_renders(module):
    assert callable(importlib.import_module(f"smallscale_ci.report.{module}").render)


def test_all_of_them_are_written_and_written_again(tmp_path):
    data = next(iter(EXAMPLES.values()))
    files.write(tmp_path / "report", data)
    first = {path.name: path.read_bytes() for path in (tmp_path / "report").iterdir()}
    assert first.keys() == files.FILES.keys()
    files.write(tmp_path / "report", data)
    assert {path.name: path.read_bytes() for path in (tmp_path / "report").iterdir()} == first
