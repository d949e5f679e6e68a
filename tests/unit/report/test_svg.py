"""A chart is bare: a page with a strict content policy may hold it, and several of it."""

from xml.etree import ElementTree as ET

import pytest

from smallscale_ci.report.svg import Chart


@pytest.fixture
def drawn() -> ET.Element:
    chart = Chart({"x_title": "tokens"})
    chart.line("curve", [(0, 0.123456), (1, 1)])
    chart.dots("points", [(0.5, 0.5, "<script>alert(1)</script>\nhalf")])
    return ET.fromstring(chart.svg("A chart of nothing"))


def test_it_has_nothing_that_runs_styles_or_is_referred_to(drawn):
    tags = {element.tag.rpartition("}")[2] for element in drawn.iter()}
    assert not tags & {"script", "style", "defs", "foreignObject", "image"}
    assert not any("id" in element.attrib for element in drawn.iter())
    assert not any(key.startswith("on") for element in drawn.iter() for key in element.attrib)


def test_it_says_what_it_shows(drawn):
    assert drawn.get("role") == "img"
    titles = [element.text for element in drawn.iter() if element.tag.endswith("title")]
    assert titles[0] == "A chart of nothing"
    assert "<script>alert(1)</script> half" in titles  # text, on one line


def test_its_series_have_the_classes_that_the_page_styles(drawn):
    classes = {element.get("class") for element in drawn.iter()}
    assert {"series curve", "series points"} <= classes
