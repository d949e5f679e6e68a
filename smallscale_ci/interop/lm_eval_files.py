"""The files that lm-eval writes: which ones exist, and for which task and date."""

from __future__ import annotations

import re
from pathlib import Path

from smallscale_ci.errors import DataError
from smallscale_ci.interop.files import at, try_object, within
from smallscale_ci.interop.lm_eval_results import RESULTS

_NAMED = re.compile(r"samples_(?P<task>.+)_(?P<date>\d{4}-\d\d-\d\dT[\d.:-]+)\.jsonl(\.gz)?")
_TASK = "samples"  # task of files whose name does not tell


def is_results(path: Path) -> bool:
    """Whether ``path`` is a ``results_DATE.json``."""
    return path.name.startswith("results") and {"results", "n-shot"} <= try_object(path).keys()


def files_in(folder: Path) -> list[Path]:
    """The sample files in ``folder``, of any version."""
    found = within(folder, "samples_*.jsonl*", 2)
    return [file for file in found if _NAMED.fullmatch(file.name)] or [
        file
        for file in within(folder, "*.jsonl", 1)
        if file.with_name(RESULTS).is_file() and task_of(file) != _TASK
    ]


def refuse_two_runs(files: list[Path]) -> None:
    """Raise ``DataError`` if two files are for one task."""
    seen: dict[str, Path] = {}
    for file in files:
        before = seen.setdefault(task_of(file), file)
        if before != file:
            raise DataError(
                f"{file.parent} holds two runs of the task '{task_of(file)}': {before.name} and "
                f"{file.name}.",
                "Give one of the files, or move one run into a folder of its own.",
            )


def results_name(file: Path) -> str:
    """The name of the results that were written with ``file``."""
    return f"results_{date_of(file)}.json" if date_of(file) else RESULTS


def task_of(file: Path) -> str:
    """The task of a file of samples."""
    named = _NAMED.fullmatch(file.name)
    if named:
        return named["task"]
    tasks = at(try_object(file.with_name(RESULTS)), "results") or {}
    ends = [task for task in tasks if file.stem.endswith(f"_{task}")]
    return max(ends, key=len, default=_TASK)


def date_of(file: Path) -> str:
    """When it was written, from its name; empty if the name does not tell."""
    named = _NAMED.fullmatch(file.name)
    return named["date"] if named else ""
