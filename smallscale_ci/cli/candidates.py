"""What ``candidate`` shows: the plan, the progress, the verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smallscale_ci.cli.command import Context

if TYPE_CHECKING:
    from smallscale_ci.candidate.folder import CandidateFolder
    from smallscale_ci.cli.output import Display
    from smallscale_ci.pipeline.compare import Evaluation as Evaluated

_GIB = 1 << 30
_OBJECTIVES = {  # our own losses, for which LLaMA-Factory has no name
    "lcpo": "LCPO (Length Controlled Preference Optimization)",
    "simper": "SimPER",
}


def show_plan(context: Context, planned: dict[str, Any]) -> None:
    """Show the plan, before any GPU is used."""
    if context.json:
        context.out.json(planned)
        return
    training = planned["training"]
    memory = " · ".join(f"{name} {gib(value)}" for name, value in training["memory_bytes"].items())
    context.out.table(
        ("step", "state", "does"), [(s["step"], s["state"], s["does"]) for s in planned["steps"]]
    )
    context.out.mapping(
        {
            "objective": objective(training["objective"]),
            "ranks": f"{training['ranks']} on {'GPUs' if training['gpu'] else 'CPUs'}",
            "memory of a rank, GiB": memory,
            # pref_loss only makes LLaMA-Factory load the pairs; the loss itself is ours.
            **{
                f"  {key}": str(value)
                for key, value in training["settings"].items()
                if key != "pref_loss" or training["objective"] not in _OBJECTIVES
            },
        }
    )
    if training["missing"]:
        context.out.error(f"Nothing can be trained here: {training['missing']}", training["remedy"])


class Watcher:
    """Shows runs as a bar, and training in lines."""

    def __init__(self, context: Context, display: Display) -> None:
        from smallscale_ci.cli.train import Lines

        self.say, self.progress = display.say, display.progress
        self.training = Lines(context).training


def show(context: Context, folder: CandidateFolder, evaluation: Evaluated | None) -> int | None:
    """Show the verdict on a candidate, or its steps if there is no verdict yet."""
    from smallscale_ci.cli import verdicts
    from smallscale_ci.cli.github import tell_evaluation
    from smallscale_ci.files import to_json

    if evaluation is None:
        record = folder.read()
        if context.json:
            context.out.json({**to_json(record, exclude_none=True), "folder": str(folder.path)})
        else:
            context.out.table(
                ("step", "seconds"),
                [(name, f"{step.seconds:g}") for name, step in record.steps.items()],
            )
        return None
    tell_evaluation(context, evaluation)
    code = verdicts.show(
        context,
        evaluation,
        policy(folder),
        {"candidate": str(folder.path), "model": str(folder.model)},
    )
    context.out.say(f"the candidate: {folder.model}")
    return code


def policy(folder: CandidateFolder) -> Any:
    """The policy that the candidate was judged by."""
    from smallscale_ci.candidate.folder import VERDICT
    from smallscale_ci.run.folder import RunFolder

    return RunFolder(folder.of(VERDICT)).read_config().gate


def gib(size: float) -> str:
    """Bytes as GiB."""
    return f"{size / _GIB:.1f}"


def objective(name: str) -> str:
    """The full name of an objective."""
    return _OBJECTIVES.get(name, name.upper())
