"""``show``: one sample of a run, whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from smallscale_ci.cli import options
from smallscale_ci.cli.command import Context, command
from smallscale_ci.cli.option import option

if TYPE_CHECKING:
    from smallscale_ci.pipeline.sample import Reference, Sample

_FOLDED = 200  # characters of thinking that are shown


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    command(app, "show", "smallscale show runs/20260131-120000-smoke-smollm2-1a2b 484919f6dd9e:2")(
        show
    )


def show(
    context: Context,
    run: options.RunArgument,
    sample: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="The problem's id or the start of it; ID:2 for its third sample.",
            show_default=False,
        ),
    ],
    thinking: Annotated[bool, option("--thinking", help="Show all of the thinking.")] = False,
) -> None:
    """Show one sample: its prompt, its answer, and how it was judged.

    The baseline's answers to the same problem follow.
    """
    from smallscale_ci.judges.explain import explain
    from smallscale_ci.pipeline import sample as samples

    settings = context.settings()
    found = samples.find(run, sample, settings)
    told = explain(found.problem, found.text, found.spec, settings.service, found.finish)
    before = samples.reference(run, found.problem, settings)
    if context.json:
        context.out.json(_record(found, told.steps, before))
        return
    out, problem = context.out, found.problem
    out.mapping(
        {
            "problem": f"{problem.id}, task {problem.task}, sample {found.index}",
            "gold": " | ".join(problem.golds),
            "outcome": ": ".join(filter(None, (found.outcome or "not judged", found.reason))),
            "tokens": _tokens(found),
            "ended by": found.finish.value,
        }
    )
    for role, content in found.messages:
        out.result(f"\n[{role}]\n{content}")
    out.result(f"\n[answer]\n{_folded(found.text, whole=thinking)}")
    out.result("\nHow it is judged:")
    out.table(("step", "value"), told.steps)
    if before is not None:
        right = sum(outcome == "CORRECT" for outcome, _ in before.answers)
        out.result(f"\nThe baseline {before.name}: {right} of {len(before.answers)} CORRECT.")
        out.table(
            ("sample", "outcome", "tokens"),
            [
                (str(index), outcome, f"{tokens:.0f}")
                for index, (outcome, tokens) in enumerate(before.answers)
            ],
        )


def _tokens(found: Sample) -> str:
    parts = [f"{found.completion_tokens:,} generated"]
    if found.thinking_tokens is not None:
        parts.append(f"{found.thinking_tokens:,} of them thinking")
    return ", ".join((*parts, f"{found.prompt_tokens:,} in the prompt"))


def _folded(text: str, *, whole: bool) -> str:
    """The text with its thinking shortened, unless ``whole``."""
    from smallscale_ci.worker.thinking import OPENED, split

    parts = split(text)
    start = len(OPENED) if text.startswith(OPENED) else 0
    inside = text[start : parts.start].strip()
    if whole or len(inside) <= _FOLDED:
        return text[start:].strip()
    hidden = len(inside) - _FOLDED
    more = f"… ({hidden:,} more characters of thinking: --thinking)"
    return f"{inside[:_FOLDED]}{more}\n\n{text[parts.start : parts.end].strip()}".rstrip()


def _record(
    found: Sample, steps: tuple[tuple[str, str], ...], before: Reference | None
) -> dict[str, object]:
    problem = found.problem
    return {
        "problem": problem.id,
        "task": problem.task,
        "sample": found.index,
        "question": problem.question,
        "golds": list(problem.golds),
        "messages": [{"role": role, "content": content} for role, content in found.messages],
        "text": found.text,
        "outcome": found.outcome,
        "reason": found.reason,
        "finish_reason": found.finish.value,
        "tokens": {
            "prompt": found.prompt_tokens,
            "completion": found.completion_tokens,
            "thinking": found.thinking_tokens,
        },
        "steps": [list(step) for step in steps],
        "baseline": before
        and {
            "name": before.name,
            "answers": [{"outcome": one, "tokens": tokens} for one, tokens in before.answers],
        },
    }
