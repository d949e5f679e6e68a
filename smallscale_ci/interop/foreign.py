"""Generation files of other tools, read as problems and generations. They are never changed.

- The old toolkit: parquet with ``model_output`` beside the data set's columns (``ground_truth`` or
  ``answer``, ``problem``).
- lm-eval: the ``samples_*.jsonl`` that ``--log_samples`` writes.
- inspect: a ``.json`` log.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from smallscale_ci.errors import DataError, UsageError
from smallscale_ci.interop import chat
from smallscale_ci.judges.mcq import has_options
from smallscale_ci.records import FinishReason, Generation, Judgement, Problem
from smallscale_ci.suite import files, gold

_OUTPUT, _INDEX = "model_output", "sample_index"
_GOLD = ("ground_truth", "answer")
_QUESTION = ("problem", "question", "prompt", "query", "input")
_CUT = ("max_tokens", "model_length")  # inspect's words for a generation that was cut off
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sample:
    """One generation of another tool. Any of ``golds`` is right."""

    id: str
    index: int  # among the samples of the same id
    question: str
    golds: tuple[str, ...]
    text: str
    finish: FinishReason = FinishReason.STOP
    choices: tuple[str, ...] = ()
    error: str = ""

    def problem(self, task: str, name: str = "") -> Problem:
        """The problem that it answers."""
        first, *also = self.golds
        return Problem(name, task, self.question, first, self.choices, also=tuple(also))

    def generation(self, name: str) -> Generation:
        """The generation, as an answer to the problem called ``name``."""
        return Generation(name, 0, self.text, (), 0, 0, self.finish, 0, 0.0, self.error)


def read(path: Path) -> list[Sample]:
    """All samples of ``path``. Raises ``DataError`` for a file that is none of the three."""
    if path.suffix == ".jsonl":
        samples = list(_lm_eval(path))
    elif path.suffix == ".json":
        samples = list(_inspect(path))
    elif path.suffix == ".eval":
        raise DataError(
            f"{path} is an inspect log in its packed form.",
            f"Unpack it: inspect log convert {path} --to json --output-dir FOLDER",
        )
    else:
        samples = list(_toolkit(path))
    if not samples:
        raise DataError(f"{path} holds no generations.", "Is it the file that was meant?")
    return samples


def refuse_target(source: Path, target: Path) -> None:
    """Raise ``UsageError`` for a ``target`` that is the original, or in no folder."""
    if source.resolve() == target.resolve():
        raise UsageError(f"{target} is the original.", "Name another file with --output.")
    if not target.parent.is_dir():
        raise UsageError(f"there is no folder {target.parent}.", "Make it, or change --output.")


def write(
    source: Path, target: Path, samples: Sequence[Sample], judgements: Sequence[Judgement]
) -> None:
    """Write the samples with outcome, extracted, judge and reason to ``target``.

    The old toolkit's files keep all their columns, with a row for each text of a row that has
    several; of others the id, the sample's index, the gold and the text are written.
    """
    if source.suffix in {".jsonl", ".json"}:
        table = pa.table(
            {
                "id": [sample.id for sample in samples],
                _INDEX: [sample.index for sample in samples],
                "ground_truth": [_valid(" | ".join(sample.golds)) for sample in samples],
                _OUTPUT: [_valid(sample.text) for sample in samples],
            }
        )
    else:
        table = files.table(source).take([int(sample.id) - 1 for sample in samples])
        if any(sample.index for sample in samples):
            table = table.drop_columns([n for n in (_OUTPUT, _INDEX) if n in table.column_names])
            table = table.append_column(_INDEX, pa.array([sample.index for sample in samples]))
            table = table.append_column(_OUTPUT, pa.array([_valid(s.text) for s in samples]))
    added = {
        "outcome": [judgement.outcome.value for judgement in judgements],
        "extracted": [_valid(judgement.extracted) for judgement in judgements],
        "judge": [judgement.judge for judgement in judgements],
        "reason": [_valid(judgement.reason) for judgement in judgements],
    }
    for name, values in added.items():
        if name in table.column_names:
            table = table.drop_columns(name)
        table = table.append_column(name, pa.array(values, pa.string()))
    pq.write_table(table, target, compression="zstd")


# -- the old toolkit ------------------------------------------------------------------------------


def _toolkit(path: Path) -> Iterator[Sample]:
    table = files.table(path)
    name = next((name for name in _GOLD if name in table.column_names), None)
    if _OUTPUT not in table.column_names or name is None:
        raise DataError(
            f"{path} has no columns to judge by: it has {', '.join(table.column_names)}.",
            f"It needs '{_OUTPUT}' and one of {', '.join(_GOLD)}.",
        )
    question = next((name for name in _QUESTION if name in table.column_names), None)
    rows = files.cells(table)
    read = [_right(row, name, f"{path}, row {number}") for number, row in enumerate(rows, 1)]
    base = gold.base_of(read)
    for number, (row, (golds, options)) in enumerate(zip(rows, read, strict=True), 1):
        where = f"{path}, row {number}"
        for index, text in enumerate(chat.answers(row[_OUTPUT], where)):
            yield Sample(
                id=str(number),
                index=index,
                question=chat.asked(row[question]) if question else "",
                golds=_named(golds, options, base, where),
                text=text,
                choices=options.texts,
            )


def _right(row: Row, name: str, where: str) -> tuple[tuple[str, ...], gold.Choices]:
    try:
        golds, options = gold.accepted(row[name]), gold.choices(gold.columns(row))
    except gold.GoldError as error:
        raise DataError(f"{where} {error}.", "Correct the row.") from error
    if not golds:
        raise DataError(f"{where}: '{name}' is empty.", "Every row needs a gold.")
    return golds, options


def _named(
    golds: tuple[str, ...], options: gold.Choices, base: int | None, where: str
) -> tuple[str, ...]:
    try:
        return gold.named(golds, options, base)
    except gold.GoldError as error:
        raise DataError(f"{where} {error}.", "Golds may be letters or texts, too.") from error


# -- lm-eval --------------------------------------------------------------------------------------


def _lm_eval(path: Path) -> Iterator[Sample]:
    """Each response of each document once: a line stands there again for every filter."""
    first: dict[str, str] = {}
    for number, line in enumerate(_lines(path), 1):
        row = _object(line, f"{path}, line {number}")
        if "doc_id" not in row or "resps" not in row or "target" not in row:
            raise DataError(
                f"{path}, line {number} is no sample of lm-eval: it lacks doc_id, resps or target.",
                "Give the samples_….jsonl that lm-eval writes with --log_samples.",
            )
        name = str(row["doc_id"])
        if first.setdefault(name, str(row.get("filter", ""))) != str(row.get("filter", "")):
            continue
        question = _asked(row)
        golds, options = _target(row["target"], row.get("doc"), question, f"{path}, line {number}")
        for index, text in enumerate(_responses(row["resps"], f"{path}, line {number}")):
            yield Sample(name, index, question, golds, text, choices=options.texts)


def _responses(resps: Any, where: str) -> list[str]:
    """The texts of ``resps``: a list for each request, of a text for each repetition."""
    requests = resps if isinstance(resps, list) else []
    texts = requests[0] if len(requests) == 1 and isinstance(requests[0], list) else requests
    if not texts or not all(isinstance(text, str) for text in texts):
        raise DataError(
            f"{where} has no generated text: its task compares log-likelihoods.",
            "Use a task that generates (output_type: generate_until).",
        )
    return texts


def _asked(row: Row) -> str:
    """The prompt as the model got it, else the document's question."""
    arguments = row.get("arguments")
    prompt: Any = None
    if isinstance(arguments, dict):  # {"gen_args_0": {"arg_0": prompt, "arg_1": settings}}
        prompt = next(iter(arguments.values()), None)
        prompt = prompt.get("arg_0") if isinstance(prompt, dict) else None
    elif isinstance(arguments, list) and arguments:  # [[prompt, settings]]
        prompt = arguments[0][0] if isinstance(arguments[0], list) and arguments[0] else None
    if isinstance(prompt, list) and prompt and isinstance(prompt[0], str):
        prompt = prompt[0]
    if asked := chat.asked(prompt):
        return asked
    doc = row.get("doc")
    doc = doc if isinstance(doc, dict) else {}
    return next((chat.asked(doc[name]) for name in _QUESTION if name in doc), "")


def _target(
    target: Any, doc: Any, question: str, where: str
) -> tuple[tuple[str, ...], gold.Choices]:
    """Golds and options of a document; those that the prompt lists go before the document's."""
    options = gold.Choices()
    try:
        if isinstance(doc, dict) and not has_options(question):
            options = gold.choices(gold.columns(doc))
        return gold.named(gold.accepted(target), options), options
    except gold.GoldError as error:
        raise DataError(f"{where} {error}.", "Is the task one with a text as target?") from error


# -- inspect --------------------------------------------------------------------------------------


def _inspect(path: Path) -> Iterator[Sample]:
    log = _object("".join(_lines(path)), str(path))
    samples = log.get("samples")
    if not isinstance(samples, list):
        raise DataError(
            f"{path} is no log of inspect with samples.",
            "Log them: inspect eval … --log-format json, without --no-log-samples.",
        )
    for number, row in enumerate(samples, 1):
        try:
            yield _inspected(row, number)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"{path}, sample {number} has no target or no output as inspect writes them.",
                "Only logs of finished evaluations can be judged.",
            ) from error


def _inspected(row: Row, number: int) -> Sample:
    output, error = row["output"], row.get("error")
    choice = (output.get("choices") or [{}])[0]
    cut = choice.get("stop_reason") in _CUT
    attached = row.get("attachments") or {}
    return Sample(
        id=str(row.get("id", number)),
        index=int(row.get("epoch", 1)) - 1,
        question=_content(_last_user(row.get("input", "")), attached),
        golds=gold.accepted(row["target"]),
        text=_content((choice.get("message") or {}).get("content", ""), attached),
        finish=FinishReason.ERROR if error else FinishReason.LENGTH if cut else FinishReason.STOP,
        choices=tuple(map(str, row.get("choices") or ())),
        error=str(error.get("message", error) if isinstance(error, dict) else error or ""),
    )


def _last_user(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    said = [turn.get("content", "") for turn in value if turn.get("role") == "user"]
    return said[-1] if said else ""


def _content(value: Any, attached: Row) -> str:
    """A message's text without its reasoning; long texts may be attachments of the sample."""
    if isinstance(value, list):
        parts = [part.get("text", "") for part in value if part.get("type") == "text"]
        return "\n".join(_content(part, attached) for part in parts)
    text = str(value or "")
    return str(attached.get(text.removeprefix("attachment://"), text))


# -- all ------------------------------------------------------------------------------------------


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8") as stream:
            yield from (line for line in stream if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path} cannot be read: {error}.", "Is it the file that was meant?"
        ) from error


def _object(text: str, where: str) -> Row:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where} is no JSON: {error}.", "The file is damaged.") from error
    if not isinstance(value, dict):
        raise DataError(f"{where} is no JSON object.", "Is it the file that was meant?")
    return value


def _valid(text: str | None) -> str | None:
    return None if text is None else text.encode("utf-8", "replace").decode()
