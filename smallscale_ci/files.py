"""Files as a whole: what a reader finds is the old one or the new one, never half of one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from smallscale_ci.errors import DataError
from smallscale_ci.ids import pretty_json


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from ``path``. Raises ``DataError``."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"there is no {path}.", "Run the stage that writes it.") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}", "Run that stage again.") from error
    if not isinstance(value, dict):
        raise DataError(f"{path} does not hold a JSON object.", "Run that stage again.")
    return value


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` for people and machines; readers see the old file or the new one."""
    write_text(path, pretty_json(value))


def write_text(path: Path, text: str) -> None:
    """Write ``text``; whatever happens there is the old file or the new one."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
