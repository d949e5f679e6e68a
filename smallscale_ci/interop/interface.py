"""The interface to other tools: a reader takes a path and returns what the tool recorded.

What a tool does not record is ``None`` or empty: unknown, and never zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from smallscale_ci.records import FinishReason, Generation, Outcome, Problem


@dataclass(frozen=True, slots=True)
class Sample:
    """One generation of another tool. Any of ``golds`` is right."""

    task: str
    problem: str  # the tool's id, or the hash of its content
    name: str = ""  # the tool's id, if ``problem`` is a hash
    epoch: int | None = None  # from 0; None: the problem's next one, in the order of the file
    question: str = ""
    golds: tuple[str, ...] = ()
    text: str | None = None  # None: the tool stores none
    choices: tuple[str, ...] = ()
    outcome: Outcome | None = None  # the tool's own verdict
    finish: FinishReason | None = None
    tokens: int | None = None  # completion tokens, thinking included
    thinking_tokens: int | None = None
    cluster: str = ""
    error: str = ""
    content: str = ""  # hash of question and gold, if the tool records one
    prompt: str = ""  # hash of the rendered prompt, if the tool records one
    row: int = 0  # of the file, from 1 on
    opened: bool = False  # the prompt ended inside thinking, so ``text`` starts there
    kept: Mapping[str, Any] = field(default_factory=dict)  # columns for the judged file

    def as_problem(self, task: str, name: str) -> Problem:
        """The problem that it answers; needs a gold."""
        first, *also = self.golds
        return Problem(name, task, self.question, first, self.choices, also=tuple(also))

    def as_generation(self, name: str) -> Generation:
        """The generation, as an answer to the problem called ``name``."""
        return Generation(
            problem_id=name,
            sample_index=0,
            text=self.text or "",
            token_ids=(),
            prompt_tokens=0,
            completion_tokens=self.tokens or 0,
            finish_reason=self.finish or FinishReason.STOP,
            rank=0,
            seconds=0.0,
            error=self.error,
            thinking=self.opened,
        )


@dataclass(frozen=True, slots=True)
class Facts:
    """What a tool records about a whole file.

    ``settings`` has the manifest's keys (``sampling.temperature``, ``engine.version``, …) for what
    the tool records; ``scores`` is the tool's own score by task, as a fraction.
    """

    tool: str
    version: str = ""
    model: str = ""
    created: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    judges: Mapping[str, str] = field(default_factory=dict)  # task → the tool's scoring method
    scores: Mapping[str, float] = field(default_factory=dict)
    planned: int | None = None  # expected number of samples
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Log:
    """One file or folder of a tool: its facts, and its samples, which are read lazily."""

    path: Path
    facts: Facts
    samples: Iterable[Sample]
    schema: pa.Schema | None = None  # of a columnar file: a judged file keeps its columns


@dataclass(frozen=True, slots=True)
class Wanted:
    """How to read a file.

    Without ``texts``, readers may omit question, golds and text: a comparison by the tool's
    own verdicts does not need them.
    """

    texts: bool = True
    verdicts: bool = True  # False: our judge decides, and the tool's scores do not matter
    columns: Mapping[str, str] = field(default_factory=dict)  # our column → the file's name for it
    metric: str = ""  # the tool's score that decides, if it records several
    filter: str = ""  # lm-eval: the filter whose score decides
    gold_index: int | None = None  # base of golds that are positions of choices: 0 or 1


class Reader(Protocol):
    """Reads one tool's files."""

    name: str
    about: str  # the files it reads, for people

    def claims(self, path: Path) -> bool:
        """Whether ``path`` is from this tool, by its name and first lines. Never raises."""
        ...

    def read(self, path: Path, wanted: Wanted) -> Log:
        """The log at ``path``; errors in samples are raised as they are read.

        Raises ``DataError`` for what is damaged, of an unknown version, or cannot be counted.
        """
        ...
