"""Where stored baselines are: a folder, or the same folder in another commit of git."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Protocol

from smallscale_ci.errors import UsageError
from smallscale_ci.files import git, git_commit

RECORD = "baseline.json"
_DEPTH = 4  # suite/profile/model/baseline.json


class Store(Protocol):
    """A place with files of baselines. ``label`` followed by a folder finds that again."""

    label: str

    def read(self, path: PurePosixPath) -> bytes | None:
        """The content of a file, or ``None`` if there is none."""
        ...

    def files(self) -> Iterator[PurePosixPath]:
        """Every file, sorted."""
        ...


class FolderStore:
    """A folder on this machine."""

    def __init__(self, root: Path) -> None:
        self.root, self.label = root, f"{root}/"

    def read(self, path: PurePosixPath) -> bytes | None:
        """See ``Store``."""
        file = self.root / path
        return file.read_bytes() if file.is_file() else None

    def files(self) -> Iterator[PurePosixPath]:
        """See ``Store``."""
        for path in sorted(self.root.rglob("*")):
            if path.is_file():
                yield PurePosixPath(path.relative_to(self.root).as_posix())


class GitStore:
    """The same folder as it is in another commit: a pull request cannot loosen its own gate."""

    def __init__(self, ref: str, root: Path) -> None:
        """Raises ``UsageError`` outside a repository, and for an unknown commit."""
        self.ref, self.label = ref, f"git:{ref}:"
        # Asked from outside: a link or a submodule would belong to another repository.
        is_clone = (root / ".git").is_dir() and not root.is_symlink()
        self._folder = root if is_clone else root.parent
        prefix = self._git("rev-parse", "--show-prefix")
        if prefix is None:
            if shutil.which("git") is None:
                raise UsageError("git is not installed.", "Install git, or name a folder.")
            raise UsageError(
                f"{root} is not in a git repository, so there is no baseline 'git:{ref}'.",
                "Run inside the repository that holds the baselines.",
            )
        inside = os.fsdecode(prefix).removesuffix("\n")
        self._prefix = inside if is_clone else f"{inside}{root.name}/"
        self._commit = git_commit(self._folder, ref)
        if not self._commit:
            remote, _, branch = ref.partition("/")
            # A single-branch clone maps no other branch: without a destination there is no
            # origin/main.
            into = f"{branch}:refs/remotes/{ref}"
            fetch = f"git fetch {remote} {into}" if branch else f"git fetch origin {ref}"
            raise UsageError(
                f"git knows no commit '{ref}' here.",
                f"A shallow clone lacks it: {fetch} (actions/checkout: fetch-depth: 0).",
            )

    def read(self, path: PurePosixPath) -> bytes | None:
        """See ``Store``."""
        return self._git("show", f"{self._commit}:{self._prefix}{path}")

    def files(self) -> Iterator[PurePosixPath]:
        """See ``Store``."""
        inside = self._prefix or "."
        listed = self._git("ls-tree", "-rz", "--name-only", "--full-tree", self._commit, inside)
        for name in os.fsdecode(listed or b"").split("\0")[:-1]:
            yield PurePosixPath(name.removeprefix(self._prefix))

    def _git(self, *arguments: str) -> bytes | None:
        return git(self._folder, *arguments)


def folders(store: Store) -> Iterator[PurePosixPath]:
    """The folder SUITE/PROFILE/MODEL of every baseline, sorted."""
    for path in store.files():
        if path.name == RECORD and len(path.parts) == _DEPTH:
            yield path.parent
