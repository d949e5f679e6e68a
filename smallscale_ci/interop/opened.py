"""Other tools' texts that start inside thinking because their prompt opened it.

Most reasoning models' templates end the prompt with the mark that opens thinking. A text that ends
its thinking shows this by a closing mark without an opening one. One that was cut off before shows
nothing: on its own, a box in the middle of its thinking looks like its answer. The end of the
prompt tells, if the tool recorded it, and so do the other texts of the same file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice

from smallscale_ci.interop.interface import Sample
from smallscale_ci.records import FinishReason
from smallscale_ci.worker.marks import opening
from smallscale_ci.worker.thinking import begins_inside

_LOOKED = 256  # texts of a file that suffice to tell how its prompts ended
_LEAST = 2  # fewest of them that must end thinking which they did not start
NOTE = (
    "The texts end thinking that their prompts opened: a text without an end of it is unfinished "
    "thinking and holds no answer."
)


@dataclass(frozen=True, slots=True)
class Opened:
    """Samples, marked with whether their text starts inside thinking, and a note about them."""

    samples: Iterator[Sample]
    notes: tuple[str, ...]


def opened(samples: Iterator[Sample]) -> Opened:
    """``samples`` with ``opened`` set, after a look at the first of them."""
    first = list(islice(samples, _LOOKED))
    all_are = _all_begin_inside(first)

    def each() -> Iterator[Sample]:
        for sample in chain(first, samples):
            inside = all_are or opening(sample.question) is not None
            yield replace(sample, opened=True) if inside else sample

    return Opened(each(), (NOTE,) if all_are else ())


def _all_begin_inside(samples: list[Sample]) -> bool:
    """Whether the prompts of a file opened the thinking.

    No text may open thinking itself, and at least half of those that stopped by themselves must end
    thinking that they did not start: models that think only on request write both marks.
    """
    found = [begins_inside(sample.text or "") for sample in samples]
    ending = found.count(True)
    cut = sum(
        inside is None and sample.finish is FinishReason.LENGTH
        for inside, sample in zip(found, samples, strict=True)
    )
    return ending >= _LEAST and False not in found and 2 * ending >= len(found) - cut
