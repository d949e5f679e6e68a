"""The curves of a training as one SVG file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pygal
from pygal.style import Style

from smallscale_ci.files import whole
from smallscale_ci.train.follow import Point

_COLOURS = ("#2563eb", "#059669", "#d97706")


def write(points: Sequence[Point], path: Path) -> None:
    """Plot the loss over the step and, if there are rewards, the reward margin beside it.

    Raises ``OSError``.
    """
    chart = pygal.XY(
        js=(),
        stroke=True,
        dots_size=2,
        width=720,
        height=360,
        x_title="step",
        show_legend=True,
        legend_at_bottom=True,
        style=Style(background="#ffffff", plot_background="#ffffff", colors=_COLOURS),
        title="Training",
    )
    chart.add("loss", [(point.step, point.loss) for point in points])
    for name in ("margin", "accuracy"):
        values = [(point.step, getattr(point, name)) for point in points]
        known = [(step, value) for step, value in values if value is not None]
        if known:
            chart.add(f"reward {name}", known, secondary=name == "accuracy")
    with whole(path) as stream:
        stream.write(chart.render())
