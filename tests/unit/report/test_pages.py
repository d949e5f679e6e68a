"""The HTML pages: one environment for all templates."""

import re
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from smallscale_ci.report import formats, pages

TEMPLATES = Path(pages.__file__).parent / "templates"
PAGES = sorted(path.name for path in TEMPLATES.glob("*.html") if path.name != "page.html")


@pytest.mark.parametrize("name", PAGES)
def test_every_page_has_the_one_frame_and_its_security_policy(name):
    assert '{% extends "page.html" %}' in pages.source(name)
    assert "Content-Security-Policy" in pages.source("page.html")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_that_lacks_a_value_is_an_error_and_no_empty_place(name):
    with pytest.raises(UndefinedError):
        pages.template(name).render()


def test_every_text_is_escaped_and_without_control_characters():
    environment = pages.template(PAGES[0]).environment
    shown = environment.from_string("{{ text }}|{{ formats.rate(0.5) }}").render(
        text="<b>\x1b[31mred\x07 \ud800"
    )
    assert shown == "&lt;b&gt;red �|50.0%"
    assert environment.globals["formats"] is formats


def test_the_style_asks_for_nothing():
    assert not re.search(r"url\(|@import", pages.source("report.css"))
