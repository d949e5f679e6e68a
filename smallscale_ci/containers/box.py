"""A container in memory: its program, what it sees, and how it stands."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from smallscale_ci.containers.spec import Spec

CREATED, RUNNING, EXITED = "created", "running", "exited"


@dataclass
class Inside:
    """What a container's program sees: what it was created with, its output, and whether to end."""

    spec: Spec
    write: Callable[[bytes], None]
    ended: threading.Event  # set by a signal: whoever waits for it ends in time


Program = Callable[[Inside], int]  # returns the exit code


def nothing(inside: Inside) -> int:
    """A program that ends at once."""
    del inside
    return 0


@dataclass
class Box:
    """One container."""

    id: str
    spec: Spec
    status: str = CREATED
    code: int = 0
    began: float = 0.0
    seconds: float = 0.0
    printed: list[bytes] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    gone: bool = False


def is_over(box: Box) -> bool:
    """Whether its program has ended."""
    return box.status == EXITED
