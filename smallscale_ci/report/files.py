"""The files of a run's ``report/`` folder: one line for each format."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path

from smallscale_ci.files import write_text
from smallscale_ci.report.interface import ReportData

# File name → the module beside this one whose ``render`` turns a ``ReportData`` into its text.
FILES: Mapping[str, str] = {
    "report.html": "html",
    "report.md": "markdown",
    "junit.xml": "junit",
}


def write(folder: Path, data: ReportData) -> None:
    """Render every file. Raises ``OSError``."""
    folder.mkdir(exist_ok=True)
    for name, module in FILES.items():
        render = importlib.import_module(f"smallscale_ci.report.{module}").render
        write_text(folder / name, render(data))
