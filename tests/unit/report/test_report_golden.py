"""Every renderer, on every kind of verdict, against files that a person has read.

``UPDATE_GOLDEN=1 pytest tests/unit/report`` writes them again; read the difference before you
commit it.
"""

import io
import os
from pathlib import Path

import pytest
from helpers.report_examples import EXAMPLES
from rich.console import Console

from smallscale_ci.report import annotations, console, junit, markdown
from smallscale_ci.report.interface import ReportData

GOLDEN = Path(__file__).parent / "golden"


def plain(data: ReportData, width: int = 80) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None).print(console.render(data, width))
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines())


RENDERERS = {
    "txt": plain,
    "md": markdown.render,
    "junit.xml": junit.render,
    "annotations.txt": annotations.render,
}


@pytest.mark.parametrize("suffix", RENDERERS)
@pytest.mark.parametrize("name", EXAMPLES)
def test_golden(name: str, suffix: str) -> None:
    path = GOLDEN / f"{name}.{suffix}"
    rendered = RENDERERS[suffix](EXAMPLES[name])
    if os.environ.get("UPDATE_GOLDEN"):
        path.unlink(missing_ok=True)
        if rendered:
            path.write_text(rendered)
    assert rendered == (path.read_text() if path.exists() else "")
