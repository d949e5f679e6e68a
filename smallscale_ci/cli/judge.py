"""``judge``: runs and other tools' generation files judged again, or one ruling explained."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smallscale_ci.cli import options, targets, tools
from smallscale_ci.cli.command import Context, command
from smallscale_ci.cli.option import option
from smallscale_ci.config.seams import OF_FILES, RULES

if TYPE_CHECKING:
    from smallscale_ci.config.settings import Settings
    from smallscale_ci.interop.interface import Sample, Wanted
    from smallscale_ci.judges.interface import JudgeSpec
    from smallscale_ci.pipeline.judge import Counted
    from smallscale_ci.records import FinishReason, Problem

_FOREIGN = "Foreign files"


@dataclass(frozen=True, eq=False, repr=False)  # eq and repr are compiled at each start
class FileJudge:
    """Options for judging the texts of another tool's file."""

    name: Annotated[
        str,
        option("--judge", help=f"Judge for a file: {', '.join(OF_FILES)}."),
    ] = "math"
    extract: Annotated[
        str,
        option(
            "--extract",
            help="Where to look for answers in a file: boxed, stated, last-number, letter.",
        ),
    ] = "boxed,stated"
    model: Annotated[
        str,
        option(
            "--judge-model",
            help="Model that llm asks, at SMALLSCALE_JUDGE_URL, with SMALLSCALE_JUDGE_KEY.",
            show_default=False,
        ),
    ] = ""
    rule: Annotated[
        str | None,
        option(
            "--rule",
            help=f"Report how often llm agrees with this judge: {' or '.join(RULES)}.",
            show_default=False,
        ),
    ] = None
    changes: Annotated[
        list[str] | None,
        option(
            "--set",
            metavar="KEY=VALUE",
            help="Set one value of a file's judge, as in "
            "judge.request.max_completion_tokens=256; may be repeated.",
            show_default=False,
        ),
    ] = None

    columns: tools.Columns = ""
    gold_index: tools.GoldIndex = None
    labelled: Annotated[
        bool,
        option(
            "--labelled",
            help="The file's own verdicts (column score) are people's labels: count how often the "
            "judge accepts right answers and rejects wrong ones.",
        ),
    ] = False
    output: Annotated[
        Path | None,
        option(
            "--output",
            "-o",
            help="File for the judgements of another tool's file.",
            show_default="FILE.judged.parquet",
        ),
    ] = None

    def wanted(self) -> Wanted:
        """How the file is read. Raises ``UsageError``."""
        from dataclasses import replace

        read = tools.wanted(self.columns, gold_index=self.gold_index)
        return replace(read, verdicts=self.labelled)

    def spec(self) -> JudgeSpec:
        """These options as a suite would state them. Raises ``UsageError``."""
        from pydantic import ValidationError

        from smallscale_ci.config import override
        from smallscale_ci.config.suite import JudgeConfig
        from smallscale_ci.errors import UsageError, own_problems
        from smallscale_ci.judges.interface import JudgeSpec

        tools.refuse_judge("--judge", self.name, OF_FILES)
        rules = tuple(part.strip() for part in self.extract.split(",") if part.strip())
        data: dict[str, Any] = {
            "name": self.name,
            "extract": rules,
            "model": self.model,
            "rule": self.rule,
        }
        given: list[tuple[tuple[str, ...], str]] = [
            (("extract",), f"--extract {self.extract}"),
            (("rule",), f"--rule {self.rule}"),
        ]
        for change in override.read(self.changes or (), ("judge",))["judge"]:
            override.place(data, change)
            given.append((change.path, f"--set {change.text}"))
        try:
            config = JudgeConfig.model_validate(data)
        except ValidationError as error:
            what = override.problem(JudgeConfig, own_problems(error)[0], given)
            raise UsageError(
                f"{what[0].upper()}{what[1:]}.",
                "See `smallscale judge --help`; llm needs --judge-model.",
            ) from error
        return JudgeSpec(**config.model_dump(exclude={"measured"}))


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    command(app, "judge", "smallscale judge runs/20260131-120000-smoke-smollm2-1a2b")(judge)


def judge(
    context: Context,
    run: Annotated[
        Path,
        typer.Argument(
            help="A run folder, or another tool's file or folder: see docs/interop.md.",
            show_default=False,
        ),
    ],
    explain: Annotated[
        str | None,
        option(
            "--explain",
            help="Show how one sample is judged: the problem's id, id:2 for its third sample; of "
            "a file the id or the row.",
            show_default=False,
        ),
    ] = None,
    *,
    file: FileJudge,
    sandbox: options.Sandbox = None,
) -> None:
    """Judge a run again, or another tool's file.

    A file is judged into a new one; the original is never changed.
    """
    from smallscale_ci.cli import levels
    from smallscale_ci.pipeline import judge
    from smallscale_ci.pipeline.sample import find
    from smallscale_ci.run.folder import is_run

    settings = context.settings(sandbox=sandbox)
    if not is_run(run):
        context.refuse(("sandbox",), "no program of another tool's file is run")
        targets.refuse_file(file.output, "--output")
        _judge_file(context, run, file, settings, explain)
        return
    context.refuse(
        [one.name for one in fields(file)], f"for other tools' files, and {run} is a run"
    )
    if explain is not None:
        one = find(run, explain, settings)
        _explain(context, (one.problem, one.text, one.spec), one.finish)
        return
    folder, suite = _open(settings, run)
    with context.out.watch() as display:
        refused = judge.judge(folder, suite, display, settings)
    levels.show(context, run)
    if refused is not None:
        raise refused


def _beside(source: Path) -> Path:
    """Where the judgements of another tool's file or folder go."""
    named = source if source.name not in {"", ".."} else source.resolve()  # . and .. have no name
    return named.parent / f"{named.stem}.judged.parquet"


def _judge_file(
    context: Context, path: Path, file: FileJudge, settings: Settings, explain: str | None
) -> None:
    """Judge another tool's file into a new one, or show how its sample ``explain`` is judged."""
    from smallscale_ci.errors import UsageError
    from smallscale_ci.pipeline import judge
    from smallscale_ci.records import FinishReason

    spec, wanted, target = file.spec(), file.wanted(), file.output or _beside(path)
    if explain is not None:
        context.refuse(("labelled", "output", "rule"), "--explain judges a single sample")
        _explain(context, _foreign_sample(path, explain, spec, wanted), FinishReason.STOP)
        return
    with context.out.watch() as display:
        found = judge.judge_foreign(path, target, spec, display, settings.service, wanted)
    if wanted.verdicts and not found.measured.complete:
        raise UsageError(
            f"{path} lacks answers of both labels, right and wrong, that the judge decided.",
            "Name the column that says whether an answer is right: --columns score=COLUMN",
        )
    _show_counts(context, target, found, labelled=wanted.verdicts)


def _open(settings: Settings, run: Path) -> tuple[Any, Any]:
    """The run folder and its suite."""
    from smallscale_ci.run.folder import open_run
    from smallscale_ci.suite.local import load_suite

    folder = open_run(run)
    config = folder.read_config()
    return folder, load_suite(config.suite, Path(config.suite_folder), settings.cache)


def _foreign_sample(
    path: Path, name: str, spec: JudgeSpec, wanted: Wanted
) -> tuple[Problem, str, JudgeSpec]:
    """A sample of a file by its id, or else by its row, counted from 1."""
    from smallscale_ci.errors import UsageError
    from smallscale_ci.interop import readers
    from smallscale_ci.interop.judged import numbered
    from smallscale_ci.interop.opened import opened
    from smallscale_ci.judges.stream import judged_text

    start, _, index = name.rpartition(":")
    by_row: Sample | None = None
    first: Sample | None = None
    count = 0

    def text(sample: Sample) -> str:
        return judged_text(sample.text or "", thinking=sample.opened)

    for epoch, sample in numbered(opened(iter(readers.read(path, wanted).samples)).samples):
        count += 1
        first = first or sample
        ids = (sample.name, sample.problem)
        is_whole = name in ids and epoch == 0  # an id may hold a colon
        if is_whole or (start in ids and index.isdecimal() and epoch == int(index)):
            return sample.as_problem(spec.name, name), text(sample), spec
        if name == str(count):
            by_row = sample
    if by_row is None:
        known = f"Ids are as {first.name or first.problem}, rows" if first else "Rows"
        raise UsageError(f"{path} has no sample '{name}'.", f"{known} go from 1 to {count}.")
    return by_row.as_problem(spec.name, name), text(by_row), spec


def _explain(
    context: Context, sample: tuple[Problem, str, JudgeSpec], finish: FinishReason
) -> None:
    from smallscale_ci.judges.explain import explain

    told = explain(*sample, service=context.settings().service, finish=finish)
    if context.json:
        context.out.json({"steps": [list(step) for step in told.steps]})
        return
    context.out.table(("step", "value"), told.steps)


def _show_counts(context: Context, target: Path, found: Counted, *, labelled: bool) -> None:
    from dataclasses import asdict

    from smallscale_ci.report import wording

    measured = found.measured
    if context.json:
        told: dict[str, Any] = {}
        if found.agreement:
            told["judge_agreement"] = asdict(found.agreement)
        if labelled:
            told["measured"] = {
                "right": [measured.right, measured.right_of],
                "wrong": [measured.wrong, measured.wrong_of],
            }
        context.out.json({"judged": str(target), "outcomes": found.outcomes, **told})
        return
    context.out.table(("outcome", "samples"), [(k, str(v)) for k, v in found.outcomes.items()])
    if found.agreement is not None:
        context.out.result(wording.agreed(found.agreement))
    if labelled:
        context.out.result(wording.measured(measured))
    context.out.say(f"written: {target}")
