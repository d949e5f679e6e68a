"""Files of other tools: the real ones that are kept, and how tests read and judge files."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import pyarrow.parquet as pq

from helpers import replayed
from smallscale_ci.interop import readers
from smallscale_ci.interop.interface import Log, Sample, Wanted
from smallscale_ci.judges.interface import JudgeSpec
from smallscale_ci.pipeline import judge
from smallscale_ci.records import Outcome

DATA = Path(__file__).resolve().parents[1] / "data" / "interop"
MATH = JudgeSpec("math", ("boxed", "stated"))


def read(path: Path, **wanted) -> tuple[Log, list[Sample]]:
    """The log, and all of its samples."""
    log = readers.read(path, Wanted(**wanted))
    return log, list(log.samples)


def own_scores(samples: list[Sample]) -> dict[str, float]:
    """Task → mean over problems of the share of samples that the tool found right."""
    means: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for sample in samples:
        if sample.outcome is not None:
            means[sample.task][sample.problem].append(sample.outcome is Outcome.CORRECT)
    return {
        task: sum(sum(of) / len(of) for of in problems.values()) / len(problems)
        for task, problems in means.items()
    }


def outcomes(samples: list[Sample]) -> dict[str, int]:
    """Samples by the tool's own outcome."""
    return dict(Counter(s.outcome.value if s.outcome else "none" for s in samples))


def judged(source: Path, target: Path, spec: JudgeSpec = MATH, **wanted):
    """Counts by outcome, and the rows of the judged file; the source is as it was."""
    before = source.read_bytes() if source.is_file() else b""
    found = judge.judge_foreign(
        source, target, spec, replayed.Nobody(), wanted=Wanted(verdicts=False, **wanted)
    )
    assert not before or source.read_bytes() == before
    return found.outcomes, pq.read_table(target).to_pylist()
