"""A run in the hub's ``.eval_results/`` format: a YAML file for each task from a hub data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from smallscale_ci.errors import UsageError
from smallscale_ci.files import write_text
from smallscale_ci.gate.summary import summarise
from smallscale_ci.interop.exported import Source

_HUB = "hf:"
FOLDER = ".eval_results"


def write(source: Source, target: Path) -> list[Path]:
    """Write the files into ``target/.eval_results``.

    Raises ``UsageError`` if no task names a data set, neither in its suite nor in ``source``.
    """
    run = source.run
    assert run.manifest is not None  # noqa: S101 - of a run folder
    levels = {task.task: task for task in summarise(run.samples).tasks}
    written = []
    for config in source.suite.tasks:
        named = source.datasets.get(config.name) or _dataset(config.source)
        if not named or config.name not in levels:
            continue
        dataset, _, task = named.partition(":")
        repository, _, revision = dataset.partition("@")
        level = levels[config.name]
        entry: dict[str, Any] = {
            "dataset": {
                "id": repository,
                "task_id": task or config.name,
                **({"revision": revision} if revision else {}),
            },
            "value": round(100 * level.accuracy.value, 2),
            "date": run.manifest.created,
            "notes": (
                f"accuracy in %, 95% interval {100 * level.accuracy.low:.1f} to "
                f"{100 * level.accuracy.high:.1f}, {level.problems} problems × {level.epochs:g}"
            ),
        }
        path = target / FOLDER / f"{run.manifest.suite.name}-{config.name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, yaml.safe_dump([entry], sort_keys=False))
        written.append(path)
    if not written:
        raise UsageError(
            "No task of the run is from a data set of the hub.",
            "Name it: --dataset TASK=ORG/NAME, or TASK=ORG/NAME:TASK_ID.",
        )
    return written


def _dataset(source: str) -> str:
    """``ORG/NAME@REVISION`` of ``hf:ORG/NAME@REVISION/FILE``."""
    if not source.startswith(_HUB):
        return ""
    parts = source.removeprefix(_HUB).split("/")
    return "/".join(parts[:2]) if len(parts) > 1 else ""
