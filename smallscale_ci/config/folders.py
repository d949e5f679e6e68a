"""Finds configuration files by name, in the project's own folders and in the package's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from smallscale_ci.config.base import NamedConfig
from smallscale_ci.config.problems import article
from smallscale_ci.errors import ConfigError, UsageError, did_you_mean

_SUFFIXES = (".yaml", ".yml")
_PACKAGE = Path(__file__).resolve().parent.parent


def default_roots(cwd: Path) -> tuple[Path, ...]:
    """The folders to search for configurations; the first match wins.

    ``cwd``/configs if there is one, then the configurations shipped with the package: the
    repository's ``configs`` in a checkout, ``smallscale_ci/_configs`` in an installed wheel.
    """
    checkout = _PACKAGE.parent / "configs"
    shipped = _PACKAGE / "_configs"
    folders = (cwd / "configs", shipped if shipped.is_dir() else checkout)
    return tuple(dict.fromkeys(folder.resolve() for folder in folders if folder.is_dir()))


def names(model: type[NamedConfig], roots: Sequence[Path]) -> tuple[str, ...]:
    """All names of this kind of configuration in ``roots``, sorted."""
    return tuple(sorted(_files(model, roots)))


def is_path(name_or_path: str) -> bool:
    """Whether a configuration is given as a file instead of by name."""
    return name_or_path.endswith(_SUFFIXES) or "/" in name_or_path or "\\" in name_or_path


def find(model: type[NamedConfig], name_or_path: str, roots: Sequence[Path]) -> Path:
    """The file of a configuration. Raises ``UsageError``, which suggests the nearest valid name."""
    if is_path(name_or_path):
        path = Path(name_or_path)
        if path.is_file():
            return path
        raise UsageError(
            f"There is no file {path}.",
            f"Give the path of a YAML file or the name of {article(model.kind)}: "
            f"{', '.join(names(model, roots)) or 'none is known'}.",
        )
    files = _files(model, roots)
    if name_or_path in files:
        return files[name_or_path]
    raise UsageError(
        f"There is no {model.kind} '{name_or_path}'{did_you_mean(name_or_path, files)}.",
        f"Known: {', '.join(sorted(files)) or 'none'}. Your own go into "
        f"configs/{model.folder}/NAME.yaml; the path of a YAML file works, too.",
    )


def read_text(path: Path) -> str:
    """The text of a configuration file. Raises ``ConfigError``."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text.", hint="Save the file as UTF-8.") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error


def _files(model: type[NamedConfig], roots: Sequence[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for root in roots:
        folder = root / model.folder
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.suffix in _SUFFIXES and path.is_file():
                found.setdefault(path.stem, path)
    return found
