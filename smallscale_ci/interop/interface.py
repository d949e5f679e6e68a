"""The seam to other tools: a reader takes a path and gives what the tool recorded.

What a tool does not record is ``None`` or empty: it is unknown, and never zero.
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
    problem: str  # as the tool calls it, or the hash of its content
    name: str = ""  # as the tool calls it, where ``problem`` is a hash
    epoch: int | None = None  # from 0; None: the problem's next one, in the order of the file
    question: str = ""
    golds: tuple[str, ...] = ()
    text: str | None = None  # None: the tool keeps none
    choices: tuple[str, ...] = ()
    outcome: Outcome | None = None  # the tool's own verdict
    finish: FinishReason | None = None
    tokens: int | None = None  # completion tokens, thinking included
    thinking_tokens: int | None = None
    cluster: str = ""
    error: str = ""
    content: str = ""  # hash of what was asked and what is right, where the tool records one
    prompt: str = ""  # hash of the prompt as the model got it, where the tool records one
    row: int = 0  # of the file, from 1 on
    opened: bool = False  # the prompt ended inside thinking: ``text`` begins there
    kept: Mapping[str, Any] = field(default_factory=dict)  # a row's columns, to be written again

    def as_problem(self, task: str, name: str) -> Problem:
        """The problem that it answers; it needs a gold."""
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
    """What a tool records of a whole file.

    ``settings`` has the manifest's keys (``sampling.temperature``, ``engine.version``, …) for what
    the tool records; ``scores`` is the tool's own score by task, as a fraction.
    """

    tool: str
    version: str = ""
    model: str = ""
    created: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    judges: Mapping[str, str] = field(default_factory=dict)  # task → how the tool scores it
    scores: Mapping[str, float] = field(default_factory=dict)
    planned: int | None = None  # samples that should be there
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Log:
    """One file or folder of a tool: what holds for all of it, and its samples, read as they go."""

    path: Path
    facts: Facts
    samples: Iterable[Sample]
    schema: pa.Schema | None = None  # of a columnar file, whose columns a judged file keeps


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a file is to be read.

    Without ``texts`` readers may leave question, golds and text out: a comparison by the tool's
    own verdicts reads a million rows without them.
    """

    texts: bool = True
    verdicts: bool = True  # False: our judge decides, and the tool's scores may be of any kind
    columns: Mapping[str, str] = field(default_factory=dict)  # our column → the file's name for it
    metric: str = ""  # the tool's score that decides, where it records several
    filter: str = ""  # lm-eval: the filter whose score decides
    gold_index: int | None = None  # what golds that are positions of choices count from


class Reader(Protocol):
    """Reads one tool's files."""

    name: str
    about: str  # which files, for people

    def claims(self, path: Path) -> bool:
        """Whether ``path`` is this tool's, by its name and first lines. Never raises."""
        ...

    def read(self, path: Path, wanted: Wanted) -> Log:
        """The log at ``path``; its samples raise as they are read.

        Raises ``DataError`` for what is damaged, of an unknown version, or cannot be counted.
        """
        ...
