"""Where things are: found from options, the environment and the project's folder.

The project is the nearest folder above the current one that holds smallscale's files, as git and
pytest find theirs. Whatever it lacks comes from the package.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from smallscale_ci.config import rules as ruling
from smallscale_ci.config.folders import default_roots
from smallscale_ci.config.seams import AUTO
from smallscale_ci.config.settings import Service, Settings
from smallscale_ci.errors import UsageError

_PACKAGE = Path(__file__).resolve().parents[1]
_OTHER_REPOSITORY = (  # variables that point git at another repository
    *("GIT_DIR", "GIT_COMMON_DIR", "GIT_WORK_TREE", "GIT_NAMESPACE"),
    *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES"),
)
_OURS = ("configs/suites", "configs/engines", "configs/gates", "configs/pairs", "baselines")


def project(start: Path) -> Path:
    """``start`` or the nearest folder above it with our files; ``start`` if there is none.

    A git repository ends the search: folders above it belong to others.
    """
    for folder in (start, *start.parents):
        if any((folder / name).is_dir() for name in _OURS):
            return folder
        if (folder / ".git").exists():
            break
    return start


def shipped(name: str) -> Path:
    """A folder that ships with the package: of the checkout, or of an installed wheel."""
    packed = _PACKAGE / f"_{name}"
    return packed if packed.is_dir() else _PACKAGE.parent / name


def is_checkout() -> bool:
    """Whether the package runs from a checkout of the repository."""
    return (_PACKAGE.parent / "requirements").is_dir()


def find(
    *,
    runs: Path | None = None,
    baselines: Path | None = None,
    engine_python: Path | None = None,
    sandbox: str | None = None,
    rules: str = "",
) -> Settings:
    """Places, clock and randomness for everything below the command line, which finds none itself.

    ``rules`` is git:REF. Raises ``UsageError`` if that commit cannot be read.
    """
    root, environment = project(Path.cwd()), dict(os.environ)
    key = environment.pop("SMALLSCALE_JUDGE_KEY", "")  # no engine needs to know it
    url = environment.get("SMALLSCALE_JUDGE_URL", "")
    if url and not re.match(r"https?://[^/]", url):
        raise UsageError(
            "SMALLSCALE_JUDGE_URL has no scheme.", "Write http://HOST:PORT/v1 or https://HOST/v1."
        )
    configs = environment.get("SMALLSCALE_CONFIGS")
    if configs and not rules and not Path(configs).is_dir():
        raise UsageError(
            f"SMALLSCALE_CONFIGS={configs} is not a folder.",
            "Name the folder that holds suites/, engines/ or gates/, or unset it.",
        )
    xdg = Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    cache = Path(environment.get("SMALLSCALE_CACHE") or xdg / "smallscale")
    own = _PACKAGE.parent / ".envs" if is_checkout() else cache / "envs"
    stored = root / "baselines"
    found = Settings(
        roots=(*([Path(configs)] if configs else []), *default_roots(root)),
        cache=cache,
        environments=Path(environment.get("SMALLSCALE_ENVIRONMENTS") or own),
        runs=runs or root / "runs",
        baselines=baselines or (stored if stored.is_dir() else shipped("baselines")),
        environment=environment,
        now=partial(datetime.now, UTC),
        nonce=partial(secrets.token_hex, 8),
        engine_python=engine_python,
        service=Service(url, key, cache / "judgements") if url else None,
        images=_images(root),
        sandbox=str(sandbox or "") or environment.get("SMALLSCALE_SANDBOX") or AUTO,
        repository=baselines or stored,
    )
    if not rules:
        return found
    if named := [name for name in _OTHER_REPOSITORY if environment.get(name)]:
        raise UsageError(
            f"{named[0]} is set, and --rules takes the rules from the repository of this folder.",
            f"Unset it: env -u {named[0]} smallscale …",
        )
    return _ruled(found, ruling.read(rules, Path.cwd(), _OURS, cache))


def _ruled(settings: Settings, rules: ruling.Rules) -> Settings:
    """``settings`` with the commit's files first, and no place that the environment names.

    Of the working tree, only configurations remain, and last, so that they replace nothing.
    """
    own, files = rules.folder / ruling.CONFIGS, rules.files / ruling.CONFIGS
    packed = [root for root in default_roots(rules.folder) if root != own.resolve()]
    lock = rules.files / ruling.IMAGES
    return replace(
        settings,
        roots=(files, *packed, own),
        added=1,
        images=lock if lock.is_file() else shipped("docker") / "images.lock.yaml",
        repository=rules.folder / ruling.BASELINES,
        rules=rules,
    )


def _images(root: Path) -> Path:
    """The image lock: the one named, the project's own, or the one that ships."""
    if os.environ.get("SMALLSCALE_IMAGES"):
        return Path(os.environ["SMALLSCALE_IMAGES"])
    files = [place / "images.lock.yaml" for place in _lock_folders(root)]
    return next((file for file in files if file.is_file()), files[0])


def _lock_folders(root: Path) -> Iterator[Path]:
    yield root / "docker"
    yield shipped("docker")
