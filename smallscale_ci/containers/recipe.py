"""The build context of our images: a tar of the Dockerfile, the locks, and extra files."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO

from smallscale_ci.errors import UsageError

_EXTRA = "docker/extra"  # where the Dockerfiles look for CA bundles and wheels
_IN_MEMORY = 8 << 20


def context(
    root: Path, dockerfile: str, *, ca: Path | None = None, wheels: Sequence[Path] = ()
) -> IO[bytes]:
    """The build context of ``docker/DOCKERFILE`` in the checkout ``root``, as an open tar.

    ``ca`` is a CA bundle (PEM), ``wheels`` are files; both are used only by the build. Raises
    ``UsageError`` for a missing file.
    """
    recipe = root / "docker" / dockerfile
    locks = sorted((root / "requirements").glob("*.txt"))
    if not recipe.is_file():
        raise UsageError(
            f"There is no {recipe}.",
            "Images are built in a checkout of smallscale-ci: the locks are there.",
        )
    stream = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - the caller closes it
    with tarfile.open(fileobj=stream, mode="w") as archive:
        _add(archive, recipe, f"docker/{dockerfile}")
        for file in (*locks, *sorted((root / "docker").glob("*.py"))):
            _add(archive, file, file.relative_to(root).as_posix())
        _add(archive, root / _EXTRA / "README.md", f"{_EXTRA}/README.md")
        if ca is not None:
            _add(archive, ca, f"{_EXTRA}/ca.pem")
        for wheel in wheels:
            _add(archive, wheel, f"{_EXTRA}/{wheel.name}")
    stream.seek(0)
    return stream


def _add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    """Add a file without attributes that differ between machines, so that layer caches match."""
    try:
        content = path.open("rb")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.", "Check the path.") from error
    with content:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = path.stat().st_size, 0o644
        archive.addfile(entry, content)
