"""Several things in one command: a failure of one hides neither the others nor their failures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TypeVar

from smallscale_ci.errors import SmallscaleError

if TYPE_CHECKING:
    from smallscale_ci.cli.command import Context

T = TypeVar("T")
R = TypeVar("R")


class Results(Protocol):
    """A function like ``map`` that goes on after a failure."""

    def __call__(self, act: Callable[[T], R], things: Iterable[T]) -> list[R]:
        """The results of ``act`` for the things for which it did not fail."""


@contextmanager
def all_tried(context: Context) -> Iterator[Results]:
    """Give a function that tries all things; at the end failures are shown, the last one raised."""
    failed: list[SmallscaleError] = []

    def results(act: Callable[[T], R], things: Iterable[T]) -> list[R]:
        done: list[R] = []
        for thing in things:
            try:
                done.append(act(thing))
            except SmallscaleError as error:
                failed.append(error)
        return done

    yield results
    for other in failed[:-1]:
        context.out.error(other.message, other.hint)
    if failed:
        raise failed[-1]
