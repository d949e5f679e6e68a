"""Comparing alone: two stored sides and a policy, one verdict; or the verdict that a run has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from smallscale_ci.config.models import GatePolicy
from smallscale_ci.config.settings import Settings
from smallscale_ci.errors import InvalidError
from smallscale_ci.files import read_json, write_json
from smallscale_ci.gate.decide import decide
from smallscale_ci.records import Verdict
from smallscale_ci.report import collect, files
from smallscale_ci.report.interface import ReportData
from smallscale_ci.report.records_json import verdict_from_json, verdict_json
from smallscale_ci.run import baselines
from smallscale_ci.run import manifest as provenance
from smallscale_ci.run.baselines import Baseline, Place
from smallscale_ci.run.folder import RunFolder
from smallscale_ci.suite.model import Suite


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What ``evaluate`` and ``compare`` come to; ``run`` is where it was written, if anywhere."""

    verdict: Verdict
    report: ReportData
    run: RunFolder | None


def decide_late(run: RunFolder, baseline: Baseline, suite: Suite) -> Evaluation:
    """The verdict of a run that was ended between its last sample and its verdict."""
    config, epochs = run.read_config(), run.read_manifest().epochs
    look, of = epochs - config.epochs + 1, config.max_epochs - config.epochs + 1
    candidate = baselines.load(run.path)
    return compare(candidate, baseline, config.gate, look=look, of=of, suite=suite, run=run)


def compare(
    candidate: Baseline,
    baseline: Baseline,
    policy: GatePolicy,
    *,
    look: int,
    of: int,
    suite: Suite | None = None,
    run: RunFolder | None = None,
    notes: tuple[str, ...] = (),
) -> Evaluation:
    """The gate alone: two stored sides, one verdict. Written into ``run`` where one is given.

    ``notes`` are said before the verdict's own.
    """
    verdict = decide(
        candidate.samples,
        baseline.samples,
        policy,
        look=look,
        of=of,
        differences=provenance.differences(baseline.manifest, candidate.manifest, policy.allow),
        planned=candidate.manifest.planned if candidate.manifest else None,
        task_order=(baseline if candidate.manifest is None else candidate).tasks,
    )
    if baseline.manifest is None or candidate.manifest is None:
        sides = "Neither" if baseline.manifest is candidate.manifest else "Only one"
        note = f"{sides} side has provenance: whether the two are comparable was not checked."
        verdict = replace(verdict, notes=(*verdict.notes, note))
    verdict = replace(verdict, notes=(*notes, *verdict.notes, *_tool_notes(candidate, baseline)))
    data = collect.build(candidate, baseline, verdict, suite=suite, run=run)
    if run is not None:
        write_verdict(run, verdict, baseline, data)
    return Evaluation(verdict, data, run)


def _tool_notes(candidate: Baseline, baseline: Baseline) -> tuple[str, ...]:
    """What is to be said of other tools' files: what they left out, and what they do not record."""
    said = []
    for side, run in (("candidate", candidate), ("baseline", baseline)):
        if run.manifest is not None and run.manifest.tool is not None:
            said += [f"{side}: {warning}" for warning in run.manifest.warnings]
    open_keys = provenance.unknown(baseline.manifest, candidate.manifest)
    if open_keys:
        said.append(f"Not recorded on both sides, so not compared: {', '.join(open_keys)}.")
    return tuple(said)


def stored(run: RunFolder, suite: Suite | None, settings: Settings) -> Evaluation:
    """The evaluation that a run folder holds, its report files rendered anew.

    Raises ``InvalidError`` when the run was judged again since, or when the baseline it was
    compared with is no longer there.
    """
    value = read_json(run.verdict)
    made_from = value.pop("made_from", {})
    verdict = verdict_from_json(value)
    again = f"Compare it anew: smallscale compare {run.path} BASELINE"
    if made_from.get("summary") != run.summary_hash():
        raise InvalidError(f"{run.path} was judged again after its verdict.", again)
    source = str(made_from.get("baseline", ""))
    if not (source.startswith("git:") or Path(source).exists()):
        message = f"the baseline {source} that {run.path} was compared with is not there."
        raise InvalidError(message, again)
    candidate = baselines.load(run.path)
    baseline = baselines.resolve(source, Place("", "", ""), settings.root_of(source))
    data = collect.build(candidate, baseline, verdict, suite=suite, run=run)
    files.write(run.report, data)
    return Evaluation(verdict, data, run)


def write_verdict(run: RunFolder, verdict: Verdict, baseline: Baseline, data: ReportData) -> None:
    """Write the reports, then ``verdict.json``: a run that has it is whole. Raises ``OSError``."""
    made_from = {"summary": run.summary_hash(), "baseline": baseline.source}
    files.write(run.report, data)
    write_json(run.verdict, {**verdict_json(verdict), "made_from": made_from})  # last: all is there
