"""A side of a comparison: a run, a baseline, a samples file, or another tool's results."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from smallscale_ci.config.policy import GatePolicy, Margins
from smallscale_ci.config.settings import Service
from smallscale_ci.errors import DataError, UsageError
from smallscale_ci.interop import readers
from smallscale_ci.interop.gather import gather
from smallscale_ci.interop.interface import Log, Sample, Wanted
from smallscale_ci.interop.opened import opened
from smallscale_ci.judges.interface import JudgeSpec
from smallscale_ci.records import Generation, Judgement, Metric, Reason, ReasonKind
from smallscale_ci.report.stored import Others, StoredRun
from smallscale_ci.run import baselines
from smallscale_ci.run.baselines import Place
from smallscale_ci.run.folder import is_run
from smallscale_ci.run.run import Run
from smallscale_ci.run.samples_table import REQUIRED
from smallscale_ci.run.stores import RECORD

if TYPE_CHECKING:
    from smallscale_ci.judges.stream import JudgeStream

_PARQUET = b"PAR1"  # the first bytes of every Parquet file
_BATCH = 4096  # samples of a file in memory at a time
_JUDGES = os.cpu_count() or 1


def is_foreign(path: Path) -> bool:
    """Whether ``path`` exists and is not one of our runs, baselines or samples files."""
    if not path.exists() or is_run(path) or (path / RECORD).is_file():
        return False
    return not (path.is_file() and _is_samples(path)) and readers.reader_of(path) is not None


def load(
    path: Path,
    wanted: Wanted,
    rejudge: JudgeSpec | None = None,
    service: Service | None = None,
) -> Run:
    """The side at ``path``. Raises ``UsageError``, ``DataError`` and ``InvalidError``.

    Another tool's results count by its own verdicts, or by those of ``rejudge``.
    """
    if not path.exists():
        raise UsageError(
            f"{path} does not exist.",
            "Give a run folder, a samples file or another tool's results.",
        )
    if not is_foreign(path):
        _refuse_unknown(path)
        return baselines.load(path)
    if rejudge is None:
        return gather(readers.read(path, replace(wanted, texts=False, verdicts=True)))
    from smallscale_ci.judges.registry import judge_version

    log = readers.read(path, replace(wanted, texts=True, verdicts=False))
    name = f"{judge_version(rejudge.name)} {'+'.join(rejudge.extract)} {rejudge.model}".strip()
    read = opened(iter(log.samples))
    log = replace(log, facts=replace(log.facts, notes=(*log.facts.notes, *read.notes)))
    return gather(log, _judged(log, read.samples, rejudge, service), name)


def stored(wanted: Wanted) -> Others:
    """How a history reads another tool's results; samples are read again when needed."""

    def read(path: Path) -> StoredRun:
        run = load(path, wanted)
        manifest, summary = run.manifest, run.summary
        assert manifest is not None and summary is not None  # noqa: S101, PT018 - gather has both
        return StoredRun(
            path.name, path, manifest, lambda: summary, lambda: load(path, wanted).samples
        )

    return Others(is_foreign, read)


def resolve(
    spec: str,
    place: Place,
    root: Path,
    wanted: Wanted,
    rejudge: JudgeSpec | None = None,
    service: Service | None = None,
) -> Run:
    """The baseline that ``spec`` names, as in ``baselines.resolve``, or another tool's results."""
    path = Path(spec)
    if is_foreign(path):
        return load(path, wanted, rejudge, service)
    if path.is_file() or ("/" in spec and path.is_dir()):
        _refuse_unknown(path)
    return baselines.resolve(spec, place, root)


def _refuse_unknown(path: Path) -> None:
    """Raise ``DataError`` if ``path`` exists and no reader claims it."""
    if is_run(path) or (path / RECORD).is_file() or not path.exists():
        return
    if not (path.is_file() and (path.suffix == ".parquet" or _is_parquet(path))):
        raise readers.unknown(path)


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(_PARQUET)) == _PARQUET


def _is_samples(path: Path) -> bool:
    try:
        return path.suffix == ".parquet" and set(REQUIRED) <= set(pq.read_schema(path).names)
    except (OSError, ValueError):
        return False


def _judged(
    log: Log, samples: Iterator[Sample], spec: JudgeSpec, service: Service | None
) -> Iterator[Sample]:
    from smallscale_ci.judges.stream import JudgeStream  # takes a tenth of a second

    with JudgeStream((), {spec.name: spec}, workers=_JUDGES, service=service) as stream:
        while batch := list(islice(samples, _BATCH)):
            judgements = judge_batch(batch, spec, stream, log.path)
            for sample, judgement in zip(batch, judgements, strict=True):
                yield replace(sample, outcome=judgement.outcome)
        if refused := stream.refusal(str(log.path)):
            raise refused


def judge_batch(
    samples: list[Sample],
    spec: JudgeSpec,
    stream: JudgeStream,
    source: Path,
    seen: Callable[[Generation, Judgement], None] | None = None,
) -> list[Judgement]:
    """A judgement for each sample; ``seen`` receives each as it is made.

    Raises ``DataError`` for a sample without text or gold.
    """
    for sample in samples:
        if sample.text is None and not sample.error:
            raise DataError(
                f"{source} has no generated text for {sample.name or sample.problem}: its task "
                "compares log-likelihoods, or texts were not logged.",
                "Judge files with generated texts (lm-eval: output_type: generate_until).",
            )
        if not sample.golds:
            raise DataError(
                f"{source} has no gold answer for {sample.name or sample.problem}.",
                "Say which column holds it: --columns gold=COLUMN",
            )
    names = [str(number) for number in range(len(samples))]
    stream.expect(sample.as_problem(spec.name, n) for n, sample in zip(names, samples, strict=True))
    found: dict[str, Judgement] = {}

    def keep(pairs: Iterator[tuple[Generation, Judgement]]) -> None:
        for generation, judgement in pairs:
            found[generation.problem_id] = judgement
            if seen is not None:
                seen(generation, judgement)

    for name, sample in zip(names, samples, strict=True):
        stream.feed(sample.as_generation(name))
        keep(stream.ready())
    keep(stream.drain())
    return [found[name] for name in names]


def gated_by_what_is_known(
    policy: GatePolicy, candidate: Run, baseline: Run
) -> tuple[GatePolicy, tuple[Reason, ...]]:
    """``policy`` without margins for what a side does not record, and a note for each.

    Only for default policies: one that was named and cannot be applied is INVALID.
    """
    unknown = candidate.samples.unknown | baseline.samples.unknown
    off = {metric.value: None for metric in unknown if metric is not Metric.ACCURACY}
    margins = policy.margins.model_copy(update=off)
    if not off or margins == Margins.model_construct(**dict.fromkeys(Margins.model_fields)):
        return policy, ()
    tasks = {name: one.model_copy(update=off) for name, one in policy.task_margins.items()}
    notes = tuple(
        Reason(
            ReasonKind.STATED,
            text=f"{metric.value.capitalize()} is not gated: it is not recorded on both sides.",
        )
        for metric in sorted(unknown)
        if any(m.of(metric) is not None for m in (policy.margins, *policy.task_margins.values()))
    )
    return policy.model_copy(update={"margins": margins, "task_margins": tasks}), notes
