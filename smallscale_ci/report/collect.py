"""From a run folder and a verdict to the renderers' input and the files in ``report/``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np

from smallscale_ci.config.run import RunConfig
from smallscale_ci.gate.summary import summarise
from smallscale_ci.records import Outcome, Problem, Summary, Verdict
from smallscale_ci.report import history, wording
from smallscale_ci.report.interface import Answer, Excerpt, LoopQuote, ReportData
from smallscale_ci.run import manifest as provenance
from smallscale_ci.run import tables
from smallscale_ci.run.folder import RunFolder, is_run
from smallscale_ci.run.manifest import Manifest
from smallscale_ci.run.run import Run, read_summary
from smallscale_ci.run.samples import OUTCOMES, Samples
from smallscale_ci.suite import prompts
from smallscale_ci.suite.model import Suite
from smallscale_ci.worker import loops

_MAX_PROBLEMS = 2_000  # most problems with texts in a report: for others, only ids
_MAX_EPOCHS = 64  # of one problem
_MAX_TEXT = 20_000  # characters of one answer
_MAX_LOOPS = 50  # that are quoted
_MAX_SPAN = 400  # characters of each
_Key = tuple[str, int]  # problem_id and sample_index


@dataclass(frozen=True, slots=True)
class _Texts:
    """A report's texts from ``generations.parquet``, which is read once."""

    rows: Mapping[_Key, Mapping[str, Any]]
    loops: tuple[LoopQuote, ...]


def build(
    candidate: Run,
    baseline: Run,
    verdict: Verdict,
    *,
    suite: Suite | None,
    run: RunFolder | None,
) -> ReportData:
    """The reports' data on ``verdict``. Texts need the ``run`` and its ``suite``."""
    manifest = candidate.manifest
    chosen = _chosen(candidate.samples, verdict, suite) if suite else set()
    texts = _read_texts(run, chosen, _looping(candidate.samples)) if run else _Texts({}, ())
    return ReportData(
        run_id=manifest.run_id if manifest else candidate.name,
        model=manifest.checkpoint.name if manifest else candidate.name,
        suite=manifest.suite.name if manifest else "",
        profile=manifest.profile if manifest else "",
        candidate=candidate.summary or summarise(candidate.samples),
        verdict=verdict,
        baseline=baseline.summary or summarise(baseline.samples),
        baseline_name=_baseline_name(baseline),
        run_folder=str(run.path) if run else "",
        provenance=provenance.flat(manifest) if manifest else {},
        excerpts=_excerpts(texts, baseline, suite, run, chosen) if suite else {},
        metrics=_metrics(manifest) if manifest else {},
        trail=history.trail(run) if run else (),
        loops=texts.loops,
        next_steps=_next_steps(run),
    )


def interrupted(run: RunFolder, suite: Suite) -> ReportData:
    """The report of a run that was ended early: what is done, and how to resume."""
    manifest = run.read_manifest()
    summary = read_summary(run) if run.summary.exists() else Summary((), 0, {})
    return ReportData(
        run_id=manifest.run_id,
        model=manifest.checkpoint.name,
        suite=suite.name,
        profile=manifest.profile,
        candidate=replace(summary, planned=manifest.planned),
        status="interrupted",
        run_folder=str(run.path),
        provenance=provenance.flat(manifest),
        metrics=_metrics(manifest),
        next_steps=(run.resume_command(),),
    )


def levels(run: Run) -> ReportData:
    """The report of results without a verdict, such as another tool's."""
    manifest, found = run.manifest, run.summary or summarise(run.samples)
    return ReportData(
        run_id=run.name,
        model=manifest.checkpoint.name if manifest else run.name,
        suite=manifest.suite.name if manifest else "",
        profile=manifest.profile if manifest else "",
        candidate=replace(found, planned=manifest.planned if manifest else found.planned),
        status="complete",
        provenance=provenance.flat(manifest) if manifest else {},
        next_steps=(f"smallscale compare {quote(run.source)} BASELINE",),
    )


def refused(config: RunConfig, model: str, baseline: Run | None, verdict: Verdict) -> ReportData:
    """The report of a run that was refused before it started: its differences from the baseline."""
    return ReportData(
        run_id=config.name,
        model=model,
        suite=config.suite.name,
        profile=config.profile.name,
        candidate=Summary((), 0, {}),
        verdict=verdict,
        baseline=(baseline.summary or summarise(baseline.samples)) if baseline else None,
        baseline_name=_baseline_name(baseline) if baseline else "",
    )


def _baseline_name(baseline: Run) -> str:
    recorded = baseline.recorded
    return f"{baseline.name} ({recorded.at[:10]})" if recorded else baseline.name


def _next_steps(run: RunFolder | None) -> tuple[str, ...]:
    if run is None:
        return ()
    return (f"open {run.report}/report.html",)


def _metrics(manifest: Manifest) -> dict[str, float | str]:
    timings = manifest.timings
    known: dict[str, float | str | None] = {
        "engine": manifest.runtime.engine,
        "completion tokens": manifest.tokens.completion,
        "tokens/s": timings.tokens_per_s,
        "seconds to load": timings.start_s,
        "seconds to generate": timings.generate_s,
        "GPU seconds": timings.gpu_s,
        "cost": timings.cost,
    }
    for task, errors in manifest.judge_errors.items():
        known[f"accuracy of {task}"] = wording.corrected(errors)
    return {name: value for name, value in known.items() if value}


def _excerpts(
    texts: _Texts, baseline: Run, suite: Suite, run: RunFolder | None, chosen: set[str]
) -> dict[str, Excerpt]:
    """Question, gold and answers of the ``chosen`` problems."""
    ours = _stored_answers(run, chosen, texts) if run else {}
    before = _run_of(baseline)
    if before is not None:
        theirs = _stored_answers(before, chosen, _read_texts(before, chosen, {}))
    else:
        theirs = _bare_answers(baseline.samples, chosen)
    return {
        problem.id: Excerpt(
            task=problem.task,
            question=problem.question,
            gold=problem.gold,
            candidate=tuple(ours.get(problem.id, ())),
            baseline=tuple(theirs.get(problem.id, ())),
            prompt=_prompt(suite, problem),
        )
        for problem in suite.problems
        if problem.id in chosen
    }


def _prompt(suite: Suite, problem: Problem) -> str:
    """The prompt: a single message as it is, several with their roles."""
    chat = prompts.messages(suite.task(problem.task).prompt, problem)
    if len(chat) == 1:
        return chat[0]["content"]
    return "\n\n".join(f"[{turn['role']}]\n{turn['content']}" for turn in chat)


def _run_of(baseline: Run) -> RunFolder | None:
    """The baseline's run folder, if it is a run, which has texts."""
    path = Path(baseline.source)
    return None if baseline.source.startswith("git:") or not is_run(path) else RunFolder(path)


def _chosen(candidate: Samples, verdict: Verdict, suite: Suite) -> set[str]:
    """Flipped problems first, then those without a plain answer, then the rest, up to a limit."""
    odd = candidate.outcome >= OUTCOMES.index(Outcome.UNPARSED)
    order: Iterable[str] = [
        *(flip.problem_id for flip in (*verdict.flips, *verdict.grown)),
        *candidate.problem_ids[candidate.problem[odd]],
        *(problem.id for problem in suite.problems),
    ]
    return set(list(dict.fromkeys(order))[:_MAX_PROBLEMS])


def _looping(samples: Samples) -> dict[_Key, str]:
    """The first ``_MAX_LOOPS`` samples that end in a loop, and their tasks."""
    if samples.looping is None:
        return {}
    found = {}
    for row in np.flatnonzero(samples.looping)[:_MAX_LOOPS]:
        problem = samples.problem[row]
        key = (samples.problem_ids[problem], int(samples.sample_index[row]))
        found[key] = samples.tasks[samples.problem_task[problem]]
    return found


def _read_texts(run: RunFolder, chosen: set[str], looping: Mapping[_Key, str]) -> _Texts:
    """The generations of ``chosen`` problems, and the repeated spans of ``looping`` ones."""
    wanted = ["problem_id", "sample_index", "completion_tokens", "text"]
    problems = {*chosen, *(problem for problem, _ in looping)}
    most = max([_MAX_EPOCHS, *(index + 1 for _, index in looping)])
    rows, quotes = {}, []
    for row in tables.read_problems(run.generations, tables.GENERATIONS, problems, most, wanted):
        key = (row["problem_id"], row["sample_index"])
        if key in looping and (quote := _quote(key, looping[key], row["text"] or "")):
            quotes.append(quote)
        if row["problem_id"] in chosen and row["sample_index"] < _MAX_EPOCHS:
            if row["text"] is not None:
                row["text"] = _both_ends(row["text"])  # at once: whole texts may be gigabytes
            rows[key] = row
    return _Texts(rows, tuple(quotes))


def _quote(key: _Key, task: str, text: str) -> LoopQuote | None:
    """The span that a text repeats at its end, once."""
    found = loops.find(text)
    if found is None:
        return None
    span = text[found.start : found.end].strip()
    cut = span if len(span) <= _MAX_SPAN else f"{span[:_MAX_SPAN]} …"
    return LoopQuote(task, *key, cut, found.times)


def _stored_answers(run: RunFolder, chosen: set[str], texts: _Texts) -> dict[str, list[Answer]]:
    """A run's answers, with their texts if they are stored."""
    wanted = ["problem_id", "sample_index", "outcome", "extracted", "reason"]
    judged = tables.read_problems(run.judgements, tables.JUDGEMENTS, chosen, _MAX_EPOCHS, wanted)
    answers: dict[str, list[Answer]] = {}
    for row in judged:
        generation = texts.rows[row["problem_id"], row["sample_index"]]
        outcome = Outcome(row["outcome"])
        answer = Answer(
            sample_index=row["sample_index"],
            outcome=outcome,
            tokens=None if outcome is Outcome.ERRORED else generation["completion_tokens"],
            extracted=row["extracted"],
            reason=row["reason"] or "",
            text=generation["text"],
        )
        answers.setdefault(row["problem_id"], []).append(answer)
    return answers


def _both_ends(text: str) -> str:
    """A long text without its middle: the start of a question and the end of an answer matter."""
    if len(text) <= _MAX_TEXT:
        return text
    half = _MAX_TEXT // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half:,} characters …]\n{text[-half:]}"


def _bare_answers(samples: Samples, chosen: set[str]) -> dict[str, list[Answer]]:
    """Outcomes and tokens of a recorded baseline, which stores no texts."""
    answers: dict[str, list[Answer]] = {}
    few = samples.problem_ids.among(chosen)[samples.problem]
    for row in np.flatnonzero(few & (samples.sample_index < _MAX_EPOCHS)):
        outcome, tokens = OUTCOMES[samples.outcome[row]], samples.tokens[row]
        is_unknown = outcome is Outcome.ERRORED or np.isnan(tokens)
        answer = Answer(
            sample_index=int(samples.sample_index[row]),
            outcome=outcome,
            tokens=None if is_unknown else int(tokens),
        )
        name = samples.problem_ids[samples.problem[row]]
        answers.setdefault(name, []).append(answer)
    return answers
