"""The user that containers run as, and what it may read and write."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from smallscale_ci.containers.interface import About
from smallscale_ci.containers.spec import Mount
from smallscale_ci.errors import ContainerError

_USER = 10001  # if we are root ourselves: an id that owns nothing


def user_of(about: About) -> tuple[str, str]:
    """``uid:gid`` of the containers, and their user namespace."""
    user, group = os.getuid(), os.getgid()
    if about.rootless:
        # Root in the container is the user who runs the engine, without root's rights.
        return (f"{user}:{group}", "keep-id") if about.name == "podman" else ("0:0", "")
    # Mapped to other ids, nobody in the container could write the run's folder.
    return (f"{user}:{group}" if user else f"{_USER}:{_USER}"), "host" if about.remapped else ""


def groups_of(about: About) -> tuple[int, ...]:
    """Further groups of the containers' user: often only a team's group may read a checkpoint."""
    if os.getuid() == 0 or about.rootless:
        return ()
    return tuple(sorted(set(os.getgroups()) - {0, os.getgid()}))


def refuse_unreadable(mounts: Sequence[Mount], user: str) -> None:
    """Raise ``ContainerError`` for files that the containers' user may not read."""
    number = int(user.partition(":")[0])
    for mount in mounts if os.getuid() == 0 and number else ():
        inside = mount.source.rglob("*") if mount.source.is_dir() else ()
        for path in (mount.source, *inside):
            # Dangling links and compiled code are not needed.
            if not path.exists() or "__pycache__" in path.parts:
                continue
            state = path.stat()
            needed = stat.S_IXOTH | stat.S_IROTH if path.is_dir() else stat.S_IROTH
            if state.st_uid != number and state.st_mode & needed != needed:
                raise ContainerError(
                    f"{path} cannot be read by the containers' user ({number}).",
                    f"Let others read it: chmod -R a+rX {mount.source}",
                )


def show(folder: Path) -> None:
    """Let the containers' user enter ``folder`` and read its files; needed only if we are root.

    Subfolders stay as they are, and so do the folders above ``folder``.
    """
    for path in (folder, *folder.iterdir()) if os.getuid() == 0 else ():
        if path == folder or path.is_file():
            more = stat.S_IXOTH if path == folder else stat.S_IROTH
            path.chmod(path.stat().st_mode | more)


def give(folders: Sequence[Path], user: str) -> None:
    """Let the containers' user write ``folders`` and their content; needed only if we are root."""
    number, _, group = user.partition(":")
    if os.getuid() != 0 or int(number) == 0:
        return
    for folder in folders:
        for path in (folder, *folder.rglob("*")):
            with suppress(FileNotFoundError):  # gone: claimed or completed a moment ago
                os.chown(path, int(number), int(group), follow_symlinks=False)
