"""``candidate``: the whole loop from a checkpoint to one that thinks shorter, and its verdict."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smallscale_ci.cli import options
from smallscale_ci.cli import pair_options as choice
from smallscale_ci.cli.command import Context, command
from smallscale_ci.cli.train import Recipe, TrainPython

if TYPE_CHECKING:
    from smallscale_ci.candidate.folder import CandidateFolder, CandidateRequest
    from smallscale_ci.cli.output import Display
    from smallscale_ci.pipeline.compare import Evaluation

_GIB = 1 << 30


class Step(StrEnum):
    """The steps in their order."""

    SAMPLE = "sample"
    PAIRS = "pairs"
    TRAIN = "train"
    PARENT = "parent"
    VERDICT = "verdict"


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    example = "smallscale candidate org/model --suite train --eval-suite test"
    command(app, "candidate", example)(candidate)


def candidate(
    context: Context,
    model: options.Model = None,
    recipe: Recipe = "lcpo",
    suite: Annotated[
        str,
        typer.Option("--suite", "-s", envvar="SMALLSCALE_SUITE", help="Suite to train on."),
    ] = "smoke-train",
    eval_suite: Annotated[
        str,
        typer.Option(
            "--eval-suite",
            envvar="SMALLSCALE_EVAL_SUITE",
            help="Held-out suite that parent and candidate are judged by.",
        ),
    ] = "smoke",
    gate: Annotated[
        str | None,
        typer.Option(
            "--gate",
            "-g",
            envvar="SMALLSCALE_GATE",
            help="Gate policy. Default: the evaluation suite's, with tokens shown but not gated.",
            show_default=False,
        ),
    ] = None,
    profile: options.Profile = "vllm-cpu",
    samples: Annotated[
        int,
        typer.Option(
            "--samples",
            min=4,
            envvar="SMALLSCALE_SAMPLES",
            help="Answers to each training problem: the k of solved k of k.",
        ),
    ] = 16,
    sample: Annotated[
        Path | None,
        typer.Option(
            "--sample",
            envvar="SMALLSCALE_SAMPLE",
            help="Take the answers of this judged run instead of sampling.",
            show_default=False,
        ),
    ] = None,
    eval_epochs: Annotated[
        int | None,
        typer.Option(
            "--eval-epochs",
            min=1,
            envvar="SMALLSCALE_EVAL_EPOCHS",
            help="Samples of every evaluation problem before the first decision.",
            show_default="1",
        ),
    ] = None,
    policy: choice.Policy = choice.PolicyName.SHORTEST,
    difficulty: choice.Difficulties = None,
    easy_from: choice.EasyFrom = 1.0,
    medium_from: choice.MediumFrom = None,
    per_problem: choice.PerProblem = 1,
    max_pairs: choice.MaxPairs = None,
    min_pairs: choice.MinPairs = None,
    min_ratio: choice.MinRatio = 1.0,
    max_ratio: choice.MaxRatio = None,
    max_tokens: choice.MaxTokens = None,
    pair_seed: choice.PairSeed = 0,
    leaks: choice.LeaksOption = choice.Leaks.REFUSE,
    leak_threshold: choice.LeakThreshold = 0.8,
    until: Annotated[
        Step,
        typer.Option("--until", envvar="SMALLSCALE_UNTIL", help="Stop after this step."),
    ] = Step.VERDICT,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            envvar="SMALLSCALE_DRY_RUN",
            help="Show pairs, steps, memory and settings, and do nothing.",
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            envvar="SMALLSCALE_OUT",
            help="Folder of the candidate; an unfinished one is gone on with.",
            show_default="candidates/<id>",
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume",
            envvar="SMALLSCALE_RESUME",
            help="Go on with this candidate's folder; what is complete is not done again.",
            show_default=False,
        ),
    ] = None,
    seed: options.Seed = None,
    ranks: options.Ranks = None,
    tp: options.TensorParallel = None,
    gpus: options.Gpus = "",
    runtime: options.Runtime = None,
    sandbox: options.Sandbox = None,
    train_ranks: Annotated[
        int | None,
        typer.Option(
            "--train-ranks",
            min=1,
            max=1024,
            envvar="SMALLSCALE_TRAIN_RANKS",
            help="Processes that train.",
            show_default="one for each GPU",
        ),
    ] = None,
    engine_python: options.EnginePython = None,
    train_python: TrainPython = None,
) -> int | None:
    """Train a checkpoint to think shorter, and judge it against its parent.

    Samples answers, judges them, makes preference pairs, trains, evaluates parent and candidate on
    held-out problems. The exit code is the verdict's.
    """
    from smallscale_ci.candidate import loop, prepare
    from smallscale_ci.candidate.folder import CandidateFolder, CandidateRequest
    from smallscale_ci.train.prepare import Wanted

    settings = context.settings(engine_python=engine_python, sandbox=sandbox)
    if resume is not None:
        folder = CandidateFolder(resume.resolve())
        request = folder.request()
    else:
        request = CandidateRequest(
            model=_model(model),
            recipe=_whole(recipe),
            train_suite=_whole(suite),
            eval_suite=_whole(eval_suite),
            gate=_whole(gate) if gate else None,
            profile=_whole(profile),
            samples=samples,
            eval_epochs=eval_epochs,
            policy=choice.make_policy(
                policy=policy.value,
                difficulty=tuple(level.value for level in difficulty or ()),
                easy_from=easy_from,
                medium_from=medium_from,
                per_problem=per_problem,
                max_pairs=max_pairs,
                min_pairs=min_pairs,
                min_ratio=min_ratio,
                max_ratio=max_ratio,
                max_tokens=max_tokens,
                seed=pair_seed,
            ),
            leaks=leaks.value,
            leak_threshold=leak_threshold,
            sample=str(sample.resolve()) if sample else "",
            seed=seed,
            ranks=ranks,
            tensor_parallel=tp,
            gpus=options.named_gpus(gpus),
            runtime=runtime.value if runtime else None,
            train_ranks=train_ranks,
        )
        folder = _folder(out, request, context)
    wanted = Wanted(
        runtime=None if request.runtime == "ray" else request.runtime,
        ranks=request.train_ranks,
        gpus=request.gpus or None,
        python=train_python,
    )
    with context.out.watch() as display:
        planned = prepare.prepare(folder, request, settings, wanted, display.say)
        if dry_run:
            _show_plan(context, prepare.planned(planned, wanted))
            return None
        display.say(f"candidate folder: {folder.path}")
        evaluation = loop.run(planned, wanted, _Watcher(context, display), until=until.value)
    return _show(context, folder, evaluation)


def _model(model: str | None) -> str:
    """The checkpoint to begin with, a folder by its full path."""
    from smallscale_ci.errors import UsageError

    if not model:
        raise UsageError(
            "which model? MODEL is missing.",
            "Give an alias (smollm2), a checkpoint folder, or a hub id org/name[@revision].",
        )
    path = Path(model).expanduser()
    return str(path.resolve()) if path.exists() else model


def _whole(name: str) -> str:
    """A name as it is, a file by its full path: --resume may come from another folder."""
    path = Path(name).expanduser()
    return str(path.resolve()) if path.is_file() else name


def _folder(out: Path | None, request: CandidateRequest, context: Context) -> CandidateFolder:
    """A new folder, or the one that ``out`` names if the same was begun there."""
    import secrets
    from datetime import UTC, datetime

    from smallscale_ci.candidate.folder import CandidateFolder
    from smallscale_ci.checkpoint import name_of
    from smallscale_ci.errors import UsageError
    from smallscale_ci.ids import run_id

    if out is None:
        now, nonce = datetime.now(UTC), secrets.token_hex(2)
        name = run_id(now, Path(request.recipe).stem, name_of(request.model), nonce)
        return CandidateFolder(Path.cwd() / "candidates" / name)
    folder = CandidateFolder(out.resolve())
    if folder.exists():
        before, after = folder.request().record(), request.record()
        changed = [key for key in after if after[key] != before.get(key)]
        if changed:
            raise UsageError(
                f"{out} holds a candidate that was begun with another {', '.join(changed)}.",
                f"Go on with it: smallscale candidate --resume {out}, or name another folder, "
                f"where --sample {out / 'sample'} takes the answers that are here.",
            )
        context.out.say("the same candidate was begun here: going on with it")
    return folder


def _show_plan(context: Context, planned: dict[str, Any]) -> None:
    """What would be done, before any GPU is used."""
    if context.json:
        context.out.json(planned)
        return
    training = planned["training"]
    memory = " · ".join(
        f"{name} {value / _GIB:.1f}" for name, value in training["memory_bytes"].items()
    )
    context.out.table(
        ("step", "state", "does"), [(s["step"], s["state"], s["does"]) for s in planned["steps"]]
    )
    context.out.mapping(
        {
            "objective": f"{training['objective']}, beside LLaMA-Factory's settings below",
            "ranks": f"{training['ranks']} on {'GPUs' if training['gpu'] else 'CPUs'}",
            "memory of a rank, GiB": memory,
            **{f"  {key}": str(value) for key, value in training["settings"].items()},
        }
    )


class _Watcher:
    """Shows runs as a bar, and training in lines."""

    def __init__(self, context: Context, display: Display) -> None:
        from smallscale_ci.cli.train import Lines

        self.say, self.progress = display.say, display.progress
        self.training = Lines(context).training


def _show(context: Context, folder: CandidateFolder, evaluation: Evaluation | None) -> int | None:
    from smallscale_ci.cli.github import tell_evaluation
    from smallscale_ci.cli.verdicts import show

    if evaluation is None:
        record = folder.read()
        if context.json:
            context.out.json({**record, "folder": str(folder.path)})
        else:
            context.out.table(
                ("step", "seconds"),
                [(name, f"{step['seconds']:g}") for name, step in record["steps"].items()],
            )
        return None
    tell_evaluation(context, evaluation)
    code = show(
        context,
        evaluation,
        _policy(folder),
        {"candidate": str(folder.path), "model": str(folder.model)},
    )
    context.out.say(f"the candidate: {folder.model}")
    return code


def _policy(folder: CandidateFolder) -> Any:
    """The policy that the candidate was judged by."""
    from smallscale_ci.candidate.folder import VERDICT
    from smallscale_ci.run.folder import RunFolder

    return RunFolder(folder.of(VERDICT)).read_config().gate
