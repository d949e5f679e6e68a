"""``lengths.html`` of a pairs folder: answer lengths, and what became of all problems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from smallscale_ci.report import charts, formats, pages
from smallscale_ci.report.escape import clean


def render(record: Mapping[str, Any], chosen: Sequence[int], rejected: Sequence[int]) -> str:
    """The page for a ``pairs.json`` record and the token counts of all pairs."""
    chart = charts.distribution(rejected, chosen, "rejected and chosen answers")
    return pages.template("pairs.html").render(
        counts=record["counts"],
        lengths=record["lengths"],
        facts=clean(
            f"{record['checkpoint']['name']} · suite {record['suite']} · run {record['run_id']} · "
            f"policy {record['policy']['policy']}"
        ),
        number=formats.number,
        chart=Markup(chart),  # noqa: S704 - made by an XML writer, which escapes every name in it
    )
