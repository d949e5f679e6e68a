"""Comparing without generating: two stored sides and a policy give a verdict."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.config.settings import Settings
from smallscale_ci.errors import InvalidError, StorageError
from smallscale_ci.files import (
    json_text,
    read_json,
    storage_errors,
    where_writable,
    write_json,
    write_text,
)
from smallscale_ci.gate.decide import decide
from smallscale_ci.gate.schedule import Schedule
from smallscale_ci.ids import file_hash
from smallscale_ci.pipeline.due import schedule_of
from smallscale_ci.records import Reason, ReasonKind, Verdict
from smallscale_ci.report import collect, wording
from smallscale_ci.report import files as reports
from smallscale_ci.report.interface import ReportData
from smallscale_ci.run import baselines, chain, comparable, evidence
from smallscale_ci.run.baselines import Place
from smallscale_ci.run.evidence import Predicate, Side, statement
from smallscale_ci.run.folder import RunFolder
from smallscale_ci.run.manifest import package_state
from smallscale_ci.run.records_json import verdict_from_json, verdict_json
from smallscale_ci.run.run import Run, read_run
from smallscale_ci.suite.model import Suite


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The result of ``evaluate`` and ``compare``; ``run`` is where it was written, if anywhere."""

    verdict: Verdict
    report: ReportData
    run: RunFolder | None
    candidate: Run | None = None  # ``None``: nothing was generated
    unstored: StorageError | None = None  # why the verdict could not be written, if so


def decide_late(run: RunFolder, baseline: Run, suite: Suite) -> Evaluation:
    """Decide a run that was ended between its last sample and its verdict."""
    config, candidate = run.read_config(), read_run(run.path)
    epochs = candidate.manifest.epochs if candidate.manifest else config.epochs
    schedule = schedule_of(config, suite, baseline)
    return compare(
        candidate,
        baseline,
        config.gate,
        look=schedule.look_at(epochs),
        schedule=schedule,
        suite=suite,
        run=run,
    )


def compare(
    candidate: Run,
    baseline: Run,
    policy: GatePolicy,
    *,
    look: int,
    of: int = 1,
    schedule: Schedule | None = None,
    suite: Suite | None = None,
    run: RunFolder | None = None,
    notes: tuple[Reason, ...] = (),
) -> Evaluation:
    """Compare two stored sides; the verdict is written into ``run`` if one is given.

    ``notes`` are shown before the verdict's own.
    """
    verdict = derive(candidate, baseline, policy, look=look, of=of, schedule=schedule)
    verdict = replace(verdict, notes=(*notes, *verdict.notes))
    data = collect.build(candidate, baseline, verdict, suite=suite, run=run)
    if run is None or candidate.manifest is None:
        return Evaluation(verdict, data, run, candidate)
    hint = "Free disk space or make the folder writable, and compare again."
    try:
        with storage_errors(f"The verdict in {run.path}", hint):
            write_verdict(run, candidate, baseline, policy, verdict, data)
    except StorageError as error:
        return Evaluation(verdict, replace(data, next_steps=()), run, candidate, error)
    return Evaluation(verdict, data, run, candidate)


def derive(
    candidate: Run,
    baseline: Run,
    policy: GatePolicy,
    *,
    look: int,
    of: int = 1,
    schedule: Schedule | None = None,
) -> Verdict:
    """The gate's verdict on two stored sides. Pure.

    Without a ``schedule``, a run that ended within its first epoch gets a single look.
    """
    epochs = candidate.manifest.epochs if candidate.manifest else 0.0
    if schedule is None and 0 < epochs < 1:
        look, schedule = 1, Schedule((epochs,))
    verdict = decide(
        candidate.samples,
        baseline.samples,
        policy,
        look=look,
        of=of,
        schedule=schedule,
        differences=comparable.differences(
            baseline.manifest, candidate.manifest, policy.allow, policy.same
        ),
        planned=candidate.manifest.planned if candidate.manifest else None,
        task_order=(baseline if candidate.manifest is None else candidate).tasks,
    )
    if baseline.manifest is None or candidate.manifest is None:
        sides = "Neither" if baseline.manifest is candidate.manifest else "Only one"
        said = f"{sides} side has provenance: whether the two are comparable was not checked."
        note = Reason(ReasonKind.STATED, text=said)
        verdict = replace(verdict, notes=(*verdict.notes, note))
    notes = (*_format_notes(candidate), *_tool_notes(candidate, baseline))
    return replace(verdict, notes=(*verdict.notes, *notes))


def _format_notes(candidate: Run) -> tuple[Reason, ...]:
    """A note that the candidate may think in an unknown format."""
    marks = candidate.manifest.unknown_thinking if candidate.manifest else {}
    return (Reason(ReasonKind.UNKNOWN_THINKING, names=tuple(sorted(marks))),) if marks else ()


def _tool_notes(candidate: Run, baseline: Run) -> tuple[Reason, ...]:
    """Notes on other tools' files: what they left out, and what they do not record."""
    said: list[str] = []
    for side, run in (("candidate", candidate), ("baseline", baseline)):
        if run.manifest is not None and run.manifest.tool is not None:
            said += [f"{side}: {warning}" for warning in run.manifest.warnings]
    open_keys = comparable.unknown(baseline.manifest, candidate.manifest)
    if open_keys:
        said.append(f"Not recorded on both sides, so not compared: {', '.join(open_keys)}.")
    return tuple(Reason(ReasonKind.STATED, text=text) for text in said)


def stored(run: RunFolder, suite: Suite | None, settings: Settings) -> Evaluation:
    """The evaluation stored in a run folder, with its report files rendered again.

    Raises ``InvalidError`` if the folder is not as it was written, or if the baseline it was
    compared with is no longer there.
    """
    candidate = read_run(run.path)
    value = read_json(run.verdict)
    made_from = value.pop("made_from", {})
    verdict = verdict_from_json(value)
    if run.evidence.is_file():
        baseline = compared_with(evidence.read(run.evidence).baseline, settings)
    else:  # of a folder of schema 1
        baseline = compared_with(Side(str(made_from.get("baseline", "")), ""), settings)
    data = collect.build(candidate, baseline, verdict, suite=suite, run=run)
    with where_writable():  # an archive can be shown, too
        reports.write(run.report, data)
    return Evaluation(verdict, data, run, candidate)


def verdict_value(verdict: Verdict) -> dict[str, Any]:
    """``verdict`` as JSON values, with a sentence beside each reason and advice."""
    return wording.spoken(verdict_json(verdict), verdict)


def compared_with(side: Side, settings: Settings) -> Run:
    """The baseline of a verdict, even if another one was recorded in its place since.

    It was looked for at its old place, then by name among the stored ones: the verdict may come
    from another machine. Raises ``InvalidError`` if it is no longer there.
    """
    sources = [side.source]
    if not side.source.startswith("git:"):
        by_name = settings.baselines.joinpath(*Path(side.source).parts[-3:])
        sources = [str(path) for path in (Path(side.source), by_name) if path.exists()]
    for source in dict.fromkeys(sources):
        root = settings.root_of(source)
        found = baselines.resolve(source, Place("", "", ""), root)
        for one in (found, *baselines.earlier(source, root)):
            if side.samples in {"", one.samples.digest()}:
                return replace(one, name=found.name)
    raise InvalidError(
        f"The baseline {side.source} of the verdict "
        f"{'changed since' if sources else 'is not there'}.",
        "Compare the run again: smallscale compare RUN BASELINE",
    )


def write_verdict(
    run: RunFolder,
    candidate: Run,
    baseline: Run,
    policy: GatePolicy,
    verdict: Verdict,
    data: ReportData,
) -> None:
    """Write reports, evidence, then ``verdict.json``: a run that has it is complete.

    The evidence names the verdict's hash before the file exists, so that no other passes for it.
    Raises ``OSError``.
    """
    manifest = candidate.manifest
    assert manifest is not None  # noqa: S101 - a run folder has one
    run.take_verdict_back()
    reports.write(run.report, data)
    files = {**(manifest.files or chain.hashes(run.path))}
    made_from = {"summary": files.get(chain.SUMMARY, ""), "baseline": baseline.source}
    value = {**verdict_value(verdict), "made_from": made_from}
    text = json_text(value)
    predicate = Predicate(
        verdict=value,
        verdict_sha256=hashlib.sha256(text.encode()).hexdigest(),
        policy=policy.model_dump(mode="json"),
        candidate=_side(candidate),
        baseline=_side(baseline),
        manifest_sha256=file_hash(run.manifest),
        files=files,
        package=package_state(run.path),
    )
    write_json(run.evidence, statement(manifest.checkpoint, predicate))
    write_text(run.verdict, text)  # last: all is there


def _side(one: Run) -> Side:
    known = one.manifest
    return Side(
        one.source,
        one.samples.digest(),
        known.run_id if known else "",
        known.checkpoint.weights_hash if known else "",
    )
