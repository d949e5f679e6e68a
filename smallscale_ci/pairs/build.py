"""From a judged run to a folder of preference pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from smallscale_ci.config.pairs import PairPolicy
from smallscale_ci.errors import InvalidError
from smallscale_ci.files import storage_errors, to_json, write_text
from smallscale_ci.ids import file_hash
from smallscale_ci.pairs import dataset, leakage, screen
from smallscale_ci.pairs.dataset import Pair
from smallscale_ci.pairs.record import Counts, Leakage, PairsRecord
from smallscale_ci.pairs.select import Answer, Choice, Selection, select
from smallscale_ci.records import FinishReason, Problem
from smallscale_ci.report import pairs_page
from smallscale_ci.run import tables
from smallscale_ci.run.folder import RunFolder
from smallscale_ci.run.manifest import Manifest
from smallscale_ci.suite import prompts
from smallscale_ci.suite.model import Suite

PAGE = "lengths.html"
_THINK = "<think>\n"  # opened by the template for the model, so the answer must start with it


@dataclass(frozen=True, slots=True)
class Check:
    """The requirements for pairs before anything is trained on them."""

    evaluation: Mapping[str, Sequence[Problem]]  # suite → problems that must not be trained on
    leaks: Literal["refuse", "drop"] = "refuse"
    threshold: float = leakage.THRESHOLD
    cutoff_len: int | None = None  # tokens; None: not known yet
    max_lost: float = 0.0  # largest share of pairs that training may drop or cut
    supervised: bool = False  # training uses only the chosen answers


@dataclass(frozen=True, slots=True)
class Chosen:
    """Pairs with their texts, and the content of ``pairs.json``."""

    pairs: tuple[Pair, ...]
    about: PairsRecord


@dataclass(frozen=True, slots=True)
class Made:
    """The pairs folder and its ``pairs.json``."""

    folder: Path
    record: PairsRecord


def make(
    run: RunFolder,
    suite: Suite,
    policy: PairPolicy,
    check: Check,
    folder: Path,
    say: Callable[[str], None],
) -> Made:
    """Choose pairs from the answers of ``run``, check them, and write them into ``folder``.

    Raises the errors of ``choose``, and ``StorageError``; nothing is written then.
    """
    return write(run, choose(run, suite, policy, check, say), folder)


def write(run: RunFolder, chosen: Chosen, folder: Path) -> Made:
    """Write the pairs that ``choose`` chose from ``run`` into ``folder``.

    Raises ``StorageError``.
    """
    hint = "Free disk space, or choose another folder with --out."
    with storage_errors(f"The pairs in {folder}", hint):
        record = dataset.write(folder, chosen.pairs, chosen.about, file_hash(run.judgements))
        write_text(folder / PAGE, _page(record, chosen.pairs))
    return Made(folder, record)


def choose(
    run: RunFolder, suite: Suite, policy: PairPolicy, check: Check, say: Callable[[str], None]
) -> Chosen:
    """The pairs that ``make`` writes.

    Raises ``InvalidError`` for a run that is incomplete or of another suite, ``DataError`` for
    training problems that are in the evaluation (``check.leaks``), for too few pairs, and for too
    many that training would drop or cut.
    """
    manifest = run.read_manifest()
    _refuse_unfit(run, manifest, suite)
    leaked = _leaked(suite, check, say)
    selection = select((a for a in _answers(run) if a.problem_id not in leaked), policy)
    pairs = list(_pairs(run, suite, selection.choices))
    screening = None
    if check.cutoff_len is not None:
        rows = map(dataset.row, pairs)
        screening = screen.screen_rows(rows, check.cutoff_len, supervised=check.supervised)
        say(screening.sentence())
        screen.refuse_lost(screening, check.max_lost)
    about = PairsRecord(
        run_id=manifest.run_id,
        checkpoint=manifest.checkpoint,
        suite=suite.name,
        suite_sha256=suite.hash,
        sampling=manifest.sampling,
        template=manifest.template,
        policy=policy.model_dump(mode="json"),
        counts=_counts(selection, len(leaked), len(pairs)),
        leakage=Leakage(tuple(sorted(check.evaluation)), check.threshold),
        screening=screening,
    )
    return Chosen(tuple(pairs), about)


def _refuse_unfit(run: RunFolder, manifest: Manifest, suite: Suite) -> None:
    run.refuse_unfinished()
    if manifest.suite.hash != suite.hash:
        raise InvalidError(
            f"The data of suite '{suite.name}' changed since {run.path} was generated.",
            "Restore the suite's files, or sample again.",
        )
    if not run.judgements.is_file():
        raise InvalidError(
            f"{run.path} is not judged, so it is unknown which answers are right.",
            f"Judge it: smallscale judge {run.typed}",
        )


def _leaked(suite: Suite, check: Check, say: Callable[[str], None]) -> set[str]:
    """Ids of the problems to leave out because they are in the evaluation."""
    leaks = leakage.find_leaks(suite.problems, check.evaluation, check.threshold)
    if leaks and check.leaks == "refuse":
        raise leakage.refuse(leaks)
    for leak in leaks:
        say(f"left out: {leak.sentence()}")
    return {leak.problem.id for leak in leaks}


def _answers(run: RunFolder) -> Iterator[Answer]:
    """All samples of the run without their texts, a few megabytes per million."""
    run.read_samples()  # refuses files that are not of one run
    names = ["sample_index", "problem_id", "completion_tokens", "finish_reason"]
    generated = tables.batches(run.generations, tables.GENERATIONS, names)
    finished = (row for batch in generated for row in batch.to_pylist())
    for judgement, row in zip(tables.judgements(run.judgements), finished, strict=True):
        yield Answer(
            judgement.task,
            judgement.problem_id,
            judgement.sample_index,
            judgement.outcome,
            tables.word_of(FinishReason, row["finish_reason"], run.generations),
            row["completion_tokens"],
        )


def _pairs(run: RunFolder, suite: Suite, choices: Sequence[Choice]) -> Iterator[Pair]:
    """The choices with their prompts and texts; no other texts are read."""
    wanted = {
        (answer.problem_id, answer.sample_index)
        for choice in choices
        for answer in (choice.chosen, choice.rejected)
    }
    columns = ["problem_id", "sample_index", "text", "prompt_tokens", "thinking"]
    most = max((index for _, index in wanted), default=0) + 1
    problems = {problem.id: problem for problem in suite.problems}
    rows = tables.read_problems(
        run.generations, tables.GENERATIONS, {key for key, _ in wanted}, most, columns
    )
    texts = {
        key: row for row in rows if (key := (row["problem_id"], row["sample_index"])) in wanted
    }
    for choice in choices:
        problem = problems[choice.chosen.problem_id]
        chosen, rejected = (
            texts[answer.problem_id, answer.sample_index]
            for answer in (choice.chosen, choice.rejected)
        )
        yield Pair(
            task=problem.task,
            problem_id=problem.id,
            messages=prompts.messages(suite.task(problem.task).prompt, problem),
            chosen=_whole(chosen),
            rejected=_whole(rejected),
            chosen_tokens=choice.chosen.tokens,
            rejected_tokens=choice.rejected.tokens,
            prompt_tokens=chosen["prompt_tokens"],
            solve_rate=choice.solve_rate,
            chosen_index=choice.chosen.sample_index,
            rejected_index=choice.rejected.sample_index,
        )


def _whole(row: Mapping[str, Any]) -> str:
    """The answer as the model's whole turn, with the thinking mark that the prompt ended with."""
    text = str(row["text"])
    return f"{_THINK}{text}" if row["thinking"] else text


def _counts(selection: Selection, leaked: int, pairs: int) -> Counts:
    return Counts(
        problems=selection.problems + leaked,
        **selection.by_difficulty,
        eligible=selection.eligible,
        pairs=pairs,
        dropped={**selection.dropped, **({"in the evaluation": leaked} if leaked else {})},
    )


def _page(record: PairsRecord, pairs: Sequence[Pair]) -> str:
    chosen, rejected = (
        [getattr(p, f"{side}_tokens") for p in pairs] for side in ("chosen", "rejected")
    )
    return pairs_page.render(to_json(record), chosen, rejected)
