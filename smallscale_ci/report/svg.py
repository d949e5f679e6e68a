"""One chart as inline SVG from pygal, coloured by the page's style sheet.

pygal's own style sheet, script and date are removed, so that the same report gives the same
bytes, follows the page's light or dark theme, and has no script. Each series gets a class name
that the page's style sheet knows (``baseline``, ``candidate``, ``interval``, …).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree as ET

import pygal
from pygal.etree import etree

from smallscale_ci.report.escape import one_line

etree.to_etree()  # if lxml is installed, pygal would build its elements with it

_OPTIONS = {
    "js": (),
    "css": (),
    "show_legend": False,
    "width": 380,  # units of the viewBox: the page scales them
    "height": 230,
    "margin": 12,
    "dots_size": 4,
    "max_scale": 6,
}
_SERIES = re.compile(r"series serie-(\d+)")
_DECIMALS = re.compile(r"(\d\.\d)\d+")  # a tenth of a unit is enough for the eye


@dataclass
class Chart:
    """A pygal XY chart under construction, and the class names of its series in order."""

    options: dict[str, Any]
    series: list[tuple[str, list[Any], dict[str, Any]]] = field(default_factory=list)

    def line(self, name: str, points: Iterable[Any]) -> None:
        """Connect ``points``, without marks."""
        self.series.append((name, list(points), {"show_dots": False}))

    def dots(self, name: str, points: Iterable[tuple[float, float, str]]) -> None:
        """Mark each (x, y, tooltip)."""
        marks = [{"value": (x, y), "label": one_line(label)} for x, y, label in points]
        self.series.append((name, marks, {"stroke": False}))

    def svg(self, description: str) -> str:
        """The finished chart as an ``<svg>`` element."""
        chart = pygal.XY(**{**_OPTIONS, **self.options})
        for name, points, how in self.series:
            chart.add(name, points, **how)
        return _bare(chart.render_tree(), [name for name, _, _ in self.series], description)


def _bare(root: ET.Element, names: Sequence[str], description: str) -> str:
    """``root`` without pygal's style, script, date and tooltips, with our class names."""
    for parent in list(root.iter()):
        for child in list(parent):
            if callable(child.tag) or child.tag == "defs" or "-overlay" in child.get("class", ""):
                parent.remove(child)
    root.attrib = {"viewBox": root.get("viewBox", ""), "role": "img", "class": "chart"}
    title = root.find("title")
    if title is not None:
        title.text = description
    for element in root.iter():
        if element.tag == "g" and (found := _SERIES.match(element.get("class", ""))):
            element.set("class", f"series {names[int(found[1])]}")
        if element.get("class") == "dots":
            _label_dot(element)
        for key, value in element.attrib.items():
            element.set(key, _DECIMALS.sub(r"\1", value))
    return ET.tostring(root, encoding="unicode")


def _label_dot(group: ET.Element) -> None:
    """Turn pygal's descriptions, which need its script, into titles, which browsers show."""
    labels = [desc.text for desc in group.findall("desc") if desc.get("class") == "label"]
    for desc in group.findall("desc"):
        group.remove(desc)
    for circle in group.findall("circle"):
        ET.SubElement(circle, "title").text = labels[0] if labels else ""
