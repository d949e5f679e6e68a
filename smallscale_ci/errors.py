"""What can go wrong, one family per boundary, each with the exit code it ends in.

A message says what happened; ``hint`` says what to do next. Verdicts are values, not errors:
a regression never raises. At the end are the words for what pydantic refuses, in files, options and
records alike.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

EXIT_OK = 0
EXIT_REGRESSED = 1
EXIT_USAGE = 2
EXIT_INFRASTRUCTURE = 3
EXIT_INVALID = 4
EXIT_INCONCLUSIVE = 5
EXIT_INTERRUPTED = 130

# Codes of an ``OSError`` that mean that nothing can be written here.
NOT_WRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)


class SmallscaleError(Exception):
    """Base of all errors that a user may see: a sentence and a remedy."""

    exit_code = EXIT_INFRASTRUCTURE

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(SmallscaleError):
    """The command line asks for something that does not exist or does not make sense."""

    exit_code = EXIT_USAGE


class ConfigError(UsageError):
    """A configuration file is invalid. Holds all its problems, each with file and line."""

    def __init__(self, message: str, problems: Sequence[str] = (), hint: str = "") -> None:
        super().__init__(message, hint)
        self.problems = tuple(problems)


class DataError(UsageError):
    """A data file (suite, samples, generations) cannot be used as it is."""


class BadSamplesError(DataError):
    """Samples that cannot be counted: any number computed from them would be wrong."""

    exit_code = EXIT_INVALID


class EngineError(SmallscaleError):
    """An engine could not be started, died or hung; ``log_tail`` holds its last lines."""

    def __init__(self, message: str, hint: str = "", log_tail: str = "") -> None:
        super().__init__(message, hint)
        self.log_tail = log_tail


class ContainerError(SmallscaleError):
    """The container engine, an image or a container failed."""


class JudgeError(SmallscaleError):
    """A judge or its service failed as a whole (one failed item is an ERRORED outcome)."""


class DownloadError(SmallscaleError):
    """A file could not be downloaded: no network, no such address, or the server refused."""


class StorageError(SmallscaleError):
    """A file could not be written: disk full, read-only or forbidden."""


class InvalidError(SmallscaleError):
    """There is nothing valid to compare: no baseline, or a run folder whose files do not match."""

    exit_code = EXIT_INVALID


class RunInterruptedError(SmallscaleError):
    """Ctrl-C or SIGTERM ended the run; what was complete is on disk."""

    exit_code = EXIT_INTERRUPTED


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``" (did you mean 'x'?)"`` for the nearest known word, or nothing."""
    import difflib  # --help imports this module, and need not wait for it

    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" (did you mean '{near[0]}'?)" if near else ""


def samples_have(count: int) -> str:
    """``1 sample has``, ``2,000 samples have``: how sentences about samples begin."""
    return "1 sample has" if count == 1 else f"{count:,} samples have"


_WORDS = {
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    "string_type": "a string (quote it)",
    "tuple_type": "a list",
    **dict.fromkeys(("dict_type", "mapping_type", "model_type", "dataclass_type"), "a mapping"),
}


def own_problems(error: ValidationError) -> list[ErrorDetails]:
    """The problems that are not consequences of other ones.

    An invalid item is missing from its list, which then seems too short, and from whatever a
    default is computed from.
    """
    items = error.errors(include_url=False)
    found = [
        item
        for item in items
        if not (item["type"] == "too_short" and item["input"])
        and item["type"] != "default_factory_not_called"
    ]
    return found or items


def sentence(item: ErrorDetails, known: Iterable[str] = ()) -> str:
    """What is wrong, with the nearest valid word if there is one; ``known`` are the valid keys."""
    kind, value, context = item["type"], item["input"], item.get("ctx", {})
    if kind in _WORDS:
        return f"must be {_WORDS[kind]}, not {shown(value)}"
    match kind:
        case "missing":
            what = "is missing"
        case "extra_forbidden":
            what = f"unknown key{did_you_mean(str(item['loc'][-1]), known)}"
        case "literal_error":
            listed = context["expected"]
            words = re.findall(r"'([^']+)'", listed)
            near = did_you_mean(str(value), words)
            words = words or re.split(", | or ", listed)  # numbers
            what = f"{shown(value)} is not one of {', '.join(words)}{near}"
        case "too_short":
            least = context["min_length"]
            what = "must not be empty" if least == 1 else f"must have at least {least} items"
        case "string_pattern_mismatch":
            marks = (
                ", '.', '_' and '-'" if ".-" in context["pattern"].replace("_", "") else " and '_'"
            )
            what = f"{shown(value)} may hold letters, digits{marks} only"
        case "value_error":
            what = str(context["error"])
        case _:
            rule = item["msg"].removeprefix("Input should be ").removeprefix("Input should ")
            what = f"must be {rule}, not {shown(value)}"
    return what


def shown(value: Any) -> str:
    """A value as messages quote it, shortened."""
    import json  # --help needs neither this nor pydantic

    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = json.dumps(value, ensure_ascii=False)
    text = text.encode("utf-8", "backslashreplace").decode()  # of half a surrogate
    return text if len(text) <= 60 else text[:57] + "…"
