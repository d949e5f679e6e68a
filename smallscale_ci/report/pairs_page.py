"""``lengths.html`` of a pairs folder: lengths of both answers, and the fate of all problems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from smallscale_ci.report import charts, formats
from smallscale_ci.report.escape import clean

_TEMPLATES = Path(__file__).parent / "templates"


def render(record: Mapping[str, Any], chosen: Sequence[int], rejected: Sequence[int]) -> str:
    """The page for the content of ``pairs.json`` and the tokens of all pairs."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    chart = charts.distribution(rejected, chosen, "rejected and chosen answers")
    return environment.get_template("pairs.html").render(
        counts=record["counts"],
        lengths=record["lengths"],
        facts=clean(
            f"{record['checkpoint']['name']} · suite {record['suite']} · run {record['run_id']} · "
            f"policy {record['policy']['policy']}"
        ),
        number=formats.number,
        chart=Markup(chart),  # noqa: S704 - made by an XML writer, which escapes every name in it
        style=Markup((_TEMPLATES / "report.css").read_text(encoding="utf-8")),  # noqa: S704
    )
