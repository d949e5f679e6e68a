"""The judges by name, each imported when it is first used."""

from __future__ import annotations

from functools import cache
from typing import cast

from smallscale_ci.config.seams import JUDGES, imported
from smallscale_ci.errors import UsageError, did_you_mean
from smallscale_ci.judges.interface import Judge


@cache
def judge_for(name: str) -> Judge:
    """The judge called ``name``. Raises ``UsageError`` for an unknown name."""
    if name not in JUDGES:
        raise UsageError(
            f"There is no judge called '{name}'{did_you_mean(name, JUDGES)}.",
            f"Known judges: {', '.join(sorted(JUDGES))}.",
        )
    return cast("Judge", imported(JUDGES[name].judge)())


def judge_version(name: str) -> str:
    """Name and version as recorded in judgements and manifests: ``math/1``."""
    judge = judge_for(name)
    return f"{judge.name}/{judge.version}"
