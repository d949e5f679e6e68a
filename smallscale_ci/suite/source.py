"""Where a task's problems come from: a local file, or a source that has to be pulled."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from smallscale_ci.errors import DataError, did_you_mean

SHIPPED = Path(__file__).resolve().parent / "data"
# The toolkit of the paper on small-scale preference optimisation, and its pinned commit.
TOOLKIT = "https://raw.githubusercontent.com/SleepyWithoutCoffee/Small_Scale"
TOOLKIT_COMMIT = "4e69c951dcda7980ea5b2c8a9f772669278a06c5"

_PACKAGE, _TOOLKIT, _HUB = "package:", "toolkit:", "hf:"
_HUB_FORM = re.compile(  # the hub's own revisions have slashes: refs/convert/parquet, refs/pr/1
    r"([\w.-]+/[\w.-]+)(?:@(refs/convert/\w+|refs/pr/\d+|[\w./-]+?))?/([\w.-]+(?:/[\w.-]+)*\.\w+)"
)


@dataclass(frozen=True, slots=True)
class Remote:
    """A file at ``url``; ``path`` is its place in copies of its collection."""

    url: str
    path: PurePosixPath


@dataclass(frozen=True, slots=True)
class Hub:
    """A file of a Hugging Face dataset; without a revision, the newest."""

    repository: str
    revision: str | None
    path: PurePosixPath


def parse(source: str, base: Path) -> Path | Remote | Hub:
    """What a task's ``source`` refers to; relative paths start from the folder ``base``.

    Raises ``DataError`` for a source that cannot be understood, and for an unknown shipped file.
    """
    if source.startswith(_PACKAGE):
        return _shipped(source.removeprefix(_PACKAGE))
    if source.startswith(_TOOLKIT):
        return _toolkit(source.removeprefix(_TOOLKIT))
    if source.startswith(_HUB):
        return _hub(source)
    if source.startswith(("http://", "https://")):
        path = PurePosixPath(unquote(urlsplit(source).path))
        return Remote(source, PurePosixPath(path.name))
    return base / (Path(source).expanduser() if source.startswith("~/") else source)


def is_pulled(source: str) -> bool:
    """Whether ``source`` names something that has to be pulled first."""
    return source.startswith((_TOOLKIT, _HUB, "http://", "https://"))


def _shipped(name: str) -> Path:
    known = sorted(path.name for path in SHIPPED.iterdir() if path.suffix == ".parquet")
    if name not in known:
        raise DataError(
            f"The package ships no file '{name}'{did_you_mean(name, known)}.",
            f"It ships: {', '.join(known)}.",
        )
    return SHIPPED / name


def _toolkit(name: str) -> Remote:
    kind, _, task = name.partition("/")
    if not re.fullmatch(r"[\w-]+/[\w-]+", name):
        raise DataError(
            f"'{_TOOLKIT}{name}' is not of the form {_TOOLKIT}KIND/NAME.",
            f"For example {_TOOLKIT}math/gsm8k.",
        )
    path = PurePosixPath("data/test", kind, task, f"test_{task}.parquet")
    return Remote(f"{TOOLKIT}/{TOOLKIT_COMMIT}/{path}", path)


def _hub(source: str) -> Hub:
    found = _HUB_FORM.fullmatch(source.removeprefix(_HUB))
    if found is None:
        raise DataError(
            f"'{source}' is not of the form {_HUB}ORG/NAME@REVISION/FILE.",
            f"For example {_HUB}org/data@0123abc/test.jsonl.",
        )
    return Hub(found[1], found[2], PurePosixPath(found[3]))
