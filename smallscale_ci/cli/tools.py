"""Options for reading another tool's files."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated

from smallscale_ci.cli.option import option
from smallscale_ci.config.seams import JUDGES, REJUDGES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smallscale_ci.cli.command import Context
    from smallscale_ci.interop.interface import Wanted
    from smallscale_ci.judges.interface import JudgeSpec

Columns = Annotated[
    str,
    option(
        "--columns",
        help="Columns of a JSONL, CSV, Parquet or Arrow file: gold=answer,text=output,…",
        show_default=False,
    ),
]
GoldIndex = Annotated[
    int | None,
    option(
        "--gold-index",
        min=0,
        max=1,
        help="The file's golds are positions in its choices, counted from 0 or from 1.",
        show_default=False,
    ),
]
Metric = Annotated[
    str,
    option(
        "--metric",
        help="The tool's score that decides, if its file has several.",
        show_default="the tool's first",
    ),
]
Filter = Annotated[
    str,
    option(
        "--filter",
        help="lm-eval: the filter whose score decides.",
        show_default="the task's first",
    ),
]
Rejudge = Annotated[
    str,
    option(
        "--rejudge",
        help=f"Judge other tools' texts with {' or '.join(REJUDGES)} instead of taking the tools' "
        "own verdicts.",
        show_default=False,
    ),
]


def wanted(
    columns: str = "",
    metric: str = "",
    kept: str = "",
    *,
    verdicts: bool = False,
    gold_index: int | None = None,
) -> Wanted:
    """How to read a file; ``kept`` is lm-eval's filter. Raises ``UsageError``.

    With ``verdicts`` its own verdicts count, otherwise its texts are judged.
    """
    from smallscale_ci.errors import UsageError
    from smallscale_ci.interop.interface import Wanted

    named = {}
    for part in columns.split(","):
        ours, sign, theirs = (word.strip() for word in part.partition("="))
        if not part.strip():
            continue
        if not (sign and ours and theirs):
            raise UsageError(
                f"--columns: '{part.strip()}' is not of the form NAME=COLUMN.",
                "For example --columns gold=answer,text=output",
            )
        if ours in named:
            raise UsageError(f"--columns names '{ours}' twice.", "Name each column once.")
        named[ours] = theirs
    return Wanted(
        texts=not verdicts,
        verdicts=verdicts,
        columns=named,
        metric=metric,
        filter=kept,
        gold_index=gold_index,
    )


def refuse_judge(option: str, name: str, known: Sequence[str]) -> None:
    """Raise ``UsageError`` for a judge that is not one of the ``known`` ones."""
    from smallscale_ci.errors import UsageError, did_you_mean

    if name in known:
        return
    hint, kind = f"Known: {', '.join(known)}.", JUDGES.get(name)
    if kind and kind.needs == "tests":
        why = "other tools' files have no tests to run programs with"
    elif kind:
        why = "a file is judged by a model before it is compared"
        hint = f"smallscale judge FILE --judge {name} --judge-model NAME"
    else:
        why = f"there is no such judge{did_you_mean(name, known)}"
    raise UsageError(f"{option} {name}: {why}.", hint)


@dataclass(frozen=True, eq=False, repr=False)  # eq and repr are compiled at each start
class Read:
    """Options for reading other tools' result files."""

    columns: Columns = ""
    metric: Metric = ""
    kept: Filter = ""

    def refuse(self, context: Context, what: str) -> None:
        """Raise ``UsageError`` if one was given although, as ``what`` says, nothing is read."""
        context.refuse([one.name for one in fields(self)], f"for other tools' results, and {what}")

    def wanted(self, *, verdicts: bool = True) -> Wanted:
        """These options as a reader takes them. Raises ``UsageError``."""
        return wanted(self.columns, self.metric, self.kept, verdicts=verdicts)


@dataclass(frozen=True, eq=False, repr=False)  # eq and repr are compiled at each start
class Side(Read):
    """Options for a side of a comparison, which may be judged again."""

    rejudge: Rejudge = ""

    def load(self) -> tuple[Wanted, JudgeSpec | None]:
        """How such a side is read and judged. Raises ``UsageError``."""
        from smallscale_ci.cli.judge import FileJudge

        if self.rejudge:
            refuse_judge("--rejudge", self.rejudge, REJUDGES)
        spec = FileJudge(self.rejudge).spec() if self.rejudge else None
        return self.wanted(verdicts=spec is None), spec
