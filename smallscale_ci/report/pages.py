"""The HTML pages: how to render a template, and their frame with its security policy."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from smallscale_ci.report import formats
from smallscale_ci.report.escape import clean

_TEMPLATES = Path(__file__).parent / "templates"


def template(name: str) -> Template:
    """The template ``name``, which extends ``page.html`` and can use ``style`` and ``formats``."""
    return _environment().get_template(name)


def source(name: str) -> str:
    """The text of a file beside the templates."""
    return (_TEMPLATES / name).read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def _environment() -> Environment:
    found = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals.update(style=Markup(source("report.css")), formats=formats)  # noqa: S704 - ours
    return found


def _finalize(value: object) -> object:
    """Remove control characters from every text that a template prints, except our markup."""
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value
