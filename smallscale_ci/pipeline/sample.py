"""One sample of a run, with everything known about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from smallscale_ci.config.seams import AUTO, JUDGES
from smallscale_ci.config.settings import Settings
from smallscale_ci.errors import SmallscaleError, UsageError
from smallscale_ci.judges.interface import JudgeSpec
from smallscale_ci.judges.stream import judged_text, within
from smallscale_ci.pipeline.prepare import choose_sandbox
from smallscale_ci.pipeline.provenance import judge_specs
from smallscale_ci.records import FinishReason, Problem
from smallscale_ci.run import baselines, chain, tables
from smallscale_ci.run.baselines import Place
from smallscale_ci.run.folder import NO_BASELINE, RunFolder, open_run
from smallscale_ci.run.samples import OUTCOMES
from smallscale_ci.suite import prompts
from smallscale_ci.suite.local import load_suite
from smallscale_ci.suite.model import Suite

_COLUMNS = [
    "sample_index",
    "text",
    "thinking",
    "finish_reason",
    "prompt_tokens",
    "completion_tokens",
    "thinking_tokens",
    "error",
]
_LAST = 2**31 - 1  # sample that a file can have


@dataclass(frozen=True, slots=True)
class Sample:
    """A problem with its prompt, one answer to it, and its judgement."""

    problem: Problem
    index: int
    messages: tuple[tuple[str, str], ...]  # (role, content)
    text: str  # as the judges see it
    finish: FinishReason
    prompt_tokens: int
    completion_tokens: int
    thinking_tokens: int | None
    spec: JudgeSpec
    outcome: str  # as stored; empty if the run was not judged
    reason: str


@dataclass(frozen=True, slots=True)
class Reference:
    """The baseline's answers to the same problem: (outcome, tokens) of each sample."""

    name: str
    answers: tuple[tuple[str, float], ...]


def find(run: Path, name: str, settings: Settings) -> Sample:
    """The sample ``name`` of a run: a problem's id or the start of it; ``id:2`` is its third.

    Raises ``UsageError`` if it matches none or several, and the errors of reading the run.
    """
    folder = open_run(run)
    chain.check(run, folder.read_manifest())
    chain.refuse_lost_verdict(run)
    config = folder.read_config()
    suite = load_suite(config.suite, Path(config.suite_folder), settings.cache)
    problem, index = _named(suite, run, name)
    rows = tables.read_problems(
        folder.generations, tables.GENERATIONS, [problem.id], min(index, _LAST) + 1, _COLUMNS
    )
    row = next((row for row in rows if row["sample_index"] == index), None)
    if row is None:
        raise UsageError(
            f"{run} has no sample {index} of {problem.id}.",
            f"The first is {problem.id}:0, and each epoch adds one.",
        )
    spec = judge_specs(suite)[problem.task]
    if JUDGES[spec.name].runs:
        spec = within(spec, choose_sandbox(settings))
    prompt = prompts.one(suite, problem, index, config.suite.sampling.seed)
    outcome, reason = _judged(folder, problem.id, index)
    return Sample(
        problem,
        index,
        tuple((message["role"], message["content"]) for message in prompt.messages),
        judged_text(row["text"], thinking=bool(row["thinking"])),
        FinishReason(row["finish_reason"]),
        row["prompt_tokens"] or 0,
        row["completion_tokens"] or 0,
        row["thinking_tokens"],
        spec,
        outcome,
        reason or row["error"] or "",
    )


def reference(run: Path, problem: Problem, settings: Settings) -> Reference | None:
    """The baseline's answers to ``problem``; ``None`` without a baseline."""
    config = open_run(run).read_config()
    manifest = open_run(run).read_manifest()
    spec = AUTO if config.baseline == NO_BASELINE else config.baseline
    place = Place(
        config.suite.name,
        config.profile.name,
        manifest.checkpoint.name,
        config.suite.reference.get(config.profile.name),
    )
    try:
        found = baselines.resolve(spec, place, settings.root_of(spec))
    except SmallscaleError:
        return None
    samples = found.samples
    rows = samples.problem_ids.among([problem.id])[samples.problem]
    part = samples.select(rows)
    answers = [
        (OUTCOMES[code].value, float(tokens))
        for _, code, tokens in sorted(
            zip(
                part.sample_index.tolist(), part.outcome.tolist(), part.tokens.tolist(), strict=True
            )
        )
    ]
    return Reference(found.name, tuple(answers)) if answers else None


def _named(suite: Suite, run: Path, name: str) -> tuple[Problem, int]:
    start, _, index = name.rpartition(":") if ":" in name else (name, "", "")
    found = [problem for problem in suite.problems if start and problem.id.startswith(start)]
    first = suite.problems[0].id
    hint = f"Ids are as {first}, samples as {first}:0; judgements.parquet lists them."
    if len(found) != 1:
        raise UsageError(f"'{name}' names {len(found) or 'no'} problems of {run}.", hint)
    if not (index or "0").isdecimal():
        raise UsageError(f"'{name}': '{index}' is not the number of a sample.", hint)
    return found[0], int(index or 0)


def _judged(folder: RunFolder, problem_id: str, index: int) -> tuple[str, str]:
    """The stored outcome and its reason."""
    if not folder.judgements.exists():
        return "", ""
    names, only = ["sample_index", "outcome", "reason"], [problem_id]
    judged = folder.judgements
    for row in tables.read_problems(judged, tables.JUDGEMENTS, only, index + 1, names):
        if row["sample_index"] == index:
            return row["outcome"], row["reason"]
    return "", ""
