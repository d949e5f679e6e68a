"""Planned samples: a suite's problems as chat messages, epoch by epoch, with their seeds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from smallscale_ci import ids
from smallscale_ci.config.suite import PLACEHOLDERS, PromptConfig
from smallscale_ci.errors import ConfigError, DataError, StorageError
from smallscale_ci.files import whole
from smallscale_ci.records import Problem, Prompt
from smallscale_ci.run import columns, tables
from smallscale_ci.suite.model import Suite

SCHEMA_VERSION = "1"
_VERSION_KEY, _SUITE_KEY = b"schema_version", b"suite_hash"
_AGAIN = "Start the run again: prompts are made again in seconds."
_BATCH = 8192  # rows in memory at a time
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_PLACEHOLDER = re.compile(r"\{(" + "|".join(PLACEHOLDERS) + r")\}")
_MESSAGE = pa.struct([("role", pa.string()), ("content", pa.string())])
_SCHEMA = pa.schema(
    [
        tables.required("problem_id", pa.string()),
        tables.required("sample_index", pa.int32()),
        tables.required("task", pa.string()),
        tables.required("messages", pa.list_(_MESSAGE)),
        tables.required("seed", pa.int64()),
    ]
)


def build(suite: Suite, epochs: range, base_seed: int) -> Iterator[Prompt]:
    """Prompts of ``epochs``, epoch by epoch, each in the suite's order.

    Raises ``ConfigError`` if a template uses choices that a problem does not have.
    """
    for problem, index in suite.plan(epochs):
        yield one(suite, problem, index, base_seed)


def of(suite: Suite, keys: Iterable[tuple[str, int]], base_seed: int) -> Iterator[Prompt]:
    """The prompts of some (problem_id, sample_index). Raises ``ConfigError`` as ``build`` does."""
    problems = {problem.id: problem for problem in suite.problems}
    for problem_id, index in keys:
        yield one(suite, problems[problem_id], index, base_seed)


def one(suite: Suite, problem: Problem, sample_index: int, base_seed: int) -> Prompt:
    """The prompt of one sample. Raises ``ConfigError`` as ``build`` does."""
    seed = ids.sample_seed(base_seed, problem.id, sample_index)
    chat = messages(suite.task(problem.task).prompt, problem)
    return Prompt(problem.id, sample_index, problem.task, chat, seed)


def messages(template: PromptConfig, problem: Problem) -> tuple[dict[str, str], ...]:
    """The chat of one problem: system message, example turns, and the filled-in question."""
    chat = [] if template.system is None else [_message("system", template.system)]
    for asked, answered in template.examples:
        chat += [_message("user", asked), _message("assistant", answered)]
    return (*chat, _message("user", _filled(template.user, problem)))


def options(choices: Iterable[str]) -> str:
    """Choices as the model sees them, one per line: ``A. first``."""
    return "\n".join(f"{letter}. {text}" for letter, text in zip(_LETTERS, choices, strict=False))


def write(prompts: Iterable[Prompt], path: Path, suite_hash: str = "") -> str:
    """Stream ``prompts`` into a Parquet file and return its SHA-256.

    ``suite_hash`` goes into the file's metadata. The file appears when it is complete. Memory
    is that of a few thousand prompts. Raises ``StorageError`` if it cannot be written.
    """
    schema = _SCHEMA.with_metadata({_VERSION_KEY: SCHEMA_VERSION, _SUITE_KEY: suite_hash})
    rows = iter(prompts)
    try:
        with whole(path) as stream, pq.ParquetWriter(stream, schema, compression="zstd") as writer:
            while batch := list(islice(rows, _BATCH)):
                writer.write_table(_table(batch, schema))
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written: {error.strerror or error}.", "Is the disk full?"
        ) from error
    return stream.sha256


def read(path: Path) -> Iterator[Prompt]:
    """Stream the prompts of a file in order. Raises ``DataError`` if it is unreadable."""
    with _open(path) as file, columns.damage(str(path), _AGAIN):
        for batch in file.iter_batches(_BATCH):
            for row in columns.typed(batch, _SCHEMA).to_pylist():
                chat = tuple(row.pop("messages"))
                yield Prompt(messages=chat, **row)


def _filled(user: str, problem: Problem) -> str:
    # One pass, so that text from the data is never searched for placeholders.
    values = {"question": problem.question, "choices": options(problem.choices)}
    if "{choices}" in user and not problem.choices:
        raise ConfigError(
            f"The prompt of task {problem.task} asks for {{choices}}, "
            f"but problem {problem.id} has none.",
            hint="Leave {choices} out of the template, or give the file a column 'choices'.",
        )
    return _PLACEHOLDER.sub(lambda found: values[found[1]], user)


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def _table(batch: list[Prompt], schema: pa.Schema) -> pa.Table:
    values = {name: [getattr(prompt, name) for prompt in batch] for name in schema.names}
    return pa.table(values, schema=schema)


def _open(path: Path) -> pq.ParquetFile:
    file = columns.parquet(path, str(path), _AGAIN)
    version = (file.schema_arrow.metadata or {}).get(_VERSION_KEY, b"none").decode()
    if version != SCHEMA_VERSION or file.schema_arrow.names != _SCHEMA.names:
        file.close()
        raise DataError(
            f"{path} is not a prompts file of version {SCHEMA_VERSION} (its version: {version}).",
            "Make it again with this version of smallscale.",
        )
    return file
