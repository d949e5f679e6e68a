"""The judges by name. One is imported when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from smallscale_ci.errors import UsageError
from smallscale_ci.judges.interface import Judge


def _math() -> Judge:
    from smallscale_ci.judges.math import MathJudge

    return MathJudge()


def _mcq() -> Judge:
    from smallscale_ci.judges.mcq import McqJudge

    return McqJudge()


def _code() -> Judge:
    from smallscale_ci.judges.code import CodeJudge

    return CodeJudge()


def _llm() -> Judge:
    from smallscale_ci.judges.llm import LlmJudge

    return LlmJudge()


_FACTORIES: dict[str, Callable[[], Judge]] = {
    "math": _math,
    "mcq": _mcq,
    "code": _code,
    "llm": _llm,
}


@cache
def judge_for(name: str) -> Judge:
    """The judge called ``name``. Raises ``UsageError`` for an unknown name."""
    factory = _FACTORIES.get(name)
    if factory is None:
        raise UsageError(
            f"There is no judge called '{name}'.", f"Known judges: {', '.join(sorted(_FACTORIES))}."
        )
    return factory()


def judge_version(name: str) -> str:
    """Name and version as judgements and manifests hold them: ``math/1``."""
    judge = judge_for(name)
    return f"{judge.name}/{judge.version}"
