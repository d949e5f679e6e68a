"""Plans of a run that replays, at a time that stands still."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from helpers import replayed
from smallscale_ci.config.settings import Settings
from smallscale_ci.pipeline import prepare
from smallscale_ci.pipeline.prepare import Plan
from smallscale_ci.pipeline.request import Request

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def settings(place: Path) -> Settings:
    return replace(replayed.settings(place), environment={"KEEP": "me"}, now=lambda: NOW)


def request(place: Path, **changes: object) -> Request:
    asked = Request(model=str(place / "stored" / "src"), suite="tiny", profile="replay")
    return replace(asked, **changes)


def plan(place: Path, **changes: object) -> Plan:
    asked = request(place, **changes)
    return prepare.plan(asked, settings(place), say=lambda text: None)
