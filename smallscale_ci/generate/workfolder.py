"""The host's view of the work folder: puts items in and reads completions out."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from smallscale_ci.errors import EngineError, UsageError
from smallscale_ci.files import lock
from smallscale_ci.generate.interface import Job
from smallscale_ci.generate.opening import reading, refuse_link
from smallscale_ci.records import Prompt
from smallscale_ci.worker import protocol

_LOG_BYTES = 1_000_000
_LOCK = "host.lock"


class WorkFolder:
    """``work/`` of one run, locked by one host at a time (a killed host's lock is released)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None
        self._offsets: dict[Path, int] = {}
        self.line = ("", 0)  # out file and offset of the last completion
        self._beats, self._sharing, self._beating = 0, 1, threading.Lock()
        self._rates: dict[int, float] = {}
        self._order = 0

    def __enter__(self) -> Self:
        """Make the folders and take the lock. Raises ``UsageError`` when another host has it."""
        make(self.path)
        self._lock = lock(self.path / _LOCK)
        if self._lock is None:
            raise UsageError(
                f"Another smallscale process is working in {self.path.parent}.",
                "Wait for it, or start a new run (leave out --resume).",
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def where(self) -> Path | None:
        """The current path of the locked folder; ``None`` if it was removed."""
        assert self._lock is not None  # noqa: S101 - asked while it is held
        held = os.fstat(self._lock)
        names = [self.path / _LOCK]
        with suppress(OSError):  # Linux knows the path of an open file
            names.append(Path(f"/proc/self/fd/{self._lock}").readlink())
        for name in names:
            with suppress(OSError):
                if os.path.samestat(name.lstat(), held):
                    return name.parent
        return None

    @property
    def is_whole(self) -> bool:
        """Whether all of its subfolders are there."""
        return all((self.path / name).is_dir() for name in protocol.FOLDERS)

    def refuse_moved(self) -> None:
        """Raise ``FileNotFoundError`` if the folder is no longer at its path, or is incomplete."""
        if self.where() != self.path or not self.is_whole:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self.path))

    def is_held(self) -> bool:
        """Whether a host is working here now."""
        if not (self.path / _LOCK).is_file():
            return False
        try:
            held = lock(self.path / _LOCK)
        except OSError:
            return False
        if held is not None:
            os.close(held)
        return held is None

    def prepare(self, job: Job) -> None:
        """Write the job and clear what an earlier host left: claims, signals, pending items.

        Pending items are recreated from the plan; only completions are kept.
        """
        self.reserve()
        for stale in (self.path / "alive").iterdir():
            stale.unlink(missing_ok=True)
        for name in ("pending", "claimed"):
            for item in _items(self.path / name):
                number = item.name.partition(".")[0]
                # Not again: a rank that joined by itself may still hold it, and removes it later.
                self._order = max(self._order, int(number) if number.isdigit() else 0)
                item.unlink(missing_ok=True)
        self.rewind()
        self.beat()
        value = {"protocol": protocol.PROTOCOL, **asdict(job)}
        protocol.write_atomically(self.path / protocol.JOB, value)

    def reserve(self) -> None:
        """Clear an earlier host's messages: workers that are sent here wait for a new job."""
        for name in (protocol.STOP, protocol.NEXT, protocol.JOB):
            (self.path / name).unlink(missing_ok=True)

    def put(
        self, prompt: Prompt, attempt: int = 0, *, alone: bool = False, refused: str = ""
    ) -> None:
        """Append one work item to pending.

        ``alone``: for a worker with nothing else in flight; ``refused``: why it is only rendered.
        """
        self._order += 1
        value = {
            "problem_id": prompt.problem_id,
            "sample_index": prompt.sample_index,
            "messages": [dict(message) for message in prompt.messages],
            "seed": prompt.seed,
            "attempt": attempt,
            "refused": refused,
        }
        name = f"{self._order:09d}{protocol.ALONE if alone else '.json'}"
        protocol.write_atomically(self.path / "pending" / name, value)

    def pending(self) -> int:
        """Number of items that no rank has claimed yet."""
        return sum(1 for path in (self.path / "pending").iterdir() if path.name[0] != ".")

    def take_back(self, rank: int) -> list[dict[str, Any]]:
        """Remove and return the items a dead rank had claimed."""
        items = []
        for path in _items(self.path / "claimed" / str(rank)):
            item = protocol.read_json(path)
            path.unlink(missing_ok=True)
            if isinstance(item, dict):
                items.append(item)
        return items

    def completions(self) -> Iterator[dict[str, Any]]:
        """New complete lines of all out files; torn lines are skipped.

        Each line comes once, even if the iterator is left early: the next one continues there.
        """
        for path in sorted((self.path / "out").glob("*.jsonl")):
            offset = self._offsets.get(path, 0)
            with reading(path) as stream:
                stream.seek(offset)
                for line in stream:
                    if not line.endswith(b"\n"):
                        break  # still being written, or torn: the next worker starts a new line
                    self.line = (path.name, offset)
                    offset += len(line)
                    self._offsets[path] = offset
                    value = protocol.decode_line(line)
                    if value is not None:
                        yield value

    def rewind(self) -> None:
        """Let ``completions`` start with the first line again."""
        self._offsets.clear()

    def give_up_on(self, item: dict[str, Any], error: str) -> None:
        """Record an ERROR completion for an item that killed its workers repeatedly."""
        out = protocol.Out(self.path / "out" / "host.jsonl")
        out.write(
            [
                {
                    "problem_id": item["problem_id"],
                    "sample_index": item["sample_index"],
                    "text": "",
                    "token_ids": [],
                    "prompt_tokens": 0,
                    "completion_tokens": 0,
                    "finish_reason": "ERROR",
                    "prompt_hash": "",
                    "seconds": 0.0,
                    "error": error,
                    "rank": -1,
                }
            ]
        )
        out.close()

    def beat(self, ranks: int | None = None, rates: Mapping[int, float] | None = None) -> None:
        """Show the workers a live host, how many ``ranks`` share the work, and their rates.

        ``rates`` are tokens/s by rank; ``None``: unchanged. May be called from any thread.
        """
        with self._beating:
            self._beats += 1
            self._sharing = ranks or self._sharing
            self._rates = dict(self._rates if rates is None else rates)
            value = [os.getpid(), self._beats, self._sharing, self._rates]
            protocol.write_atomically(self.path / "alive" / "host", value)

    def ranks(self) -> set[int]:
        """Every rank that ever showed a heartbeat, even if this host did not start it."""
        names = (path.name.removesuffix(".json") for path in (self.path / "alive").glob("*.json"))
        return {int(name) for name in names if name.isdigit()}

    def status(self, rank: int) -> dict[str, Any] | None:
        """The rank's last heartbeat, or ``None`` before its first."""
        value = protocol.read_json(self.path / "alive" / f"{rank}.json")
        return value if isinstance(value, dict) else None

    def forget(self, rank: int) -> None:
        """Remove a dead rank's heartbeat, so that its successor is not taken for dead."""
        (self.path / "alive" / f"{rank}.json").unlink(missing_ok=True)

    def ask_to_stop(self) -> None:
        """Tell all workers to end."""
        os.close(protocol.opened(self.path / protocol.STOP, os.O_WRONLY | os.O_CREAT))

    def log_tail(self, rank: int, lines: int = 20) -> str:
        """The last lines that a rank's engine printed."""
        return "\n".join(self.log_lines(rank)[-lines:])

    def log_lines(self, rank: int) -> list[str]:
        """The lines of a rank's log, only the last ones if it is long; empty without a log."""
        try:
            with reading(self.path / "log" / f"{rank}.log") as stream:
                text = stream.read()[-_LOG_BYTES:]
        except (OSError, EngineError):
            return []
        return text.decode("utf-8", "replace").splitlines()


def make(path: Path) -> None:
    """Make the folders of the work folder ``path``. Raises ``EngineError`` for a link."""
    for name in protocol.FOLDERS:
        (path / name).mkdir(parents=True, exist_ok=True)
        refuse_link(path / name)


def _items(folder: Path) -> list[Path]:
    """The items in ``folder`` and in its ranks' subfolders, without following links."""
    if folder.is_symlink() or not folder.is_dir():
        return []
    inner = [path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()]
    return sorted(path for place in (folder, *inner) for path in place.glob("*.json"))


def valid_text(value: Any) -> Any:
    """Text that UTF-8 can encode: a tokenizer's lone surrogate becomes a question mark."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
