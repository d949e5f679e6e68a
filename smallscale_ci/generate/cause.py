"""Why an engine ended, from what it printed."""

from __future__ import annotations

import re
from collections.abc import Sequence

# As Python prints an exception, after whatever an engine's logger puts before each line.
_ERROR = re.compile(r"(?:^|[\])|] )((?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Exit)): (.+)$")
_POINTS_ELSEWHERE = re.compile(
    r"root cause|initialization failed|background process", re.IGNORECASE
)


def points_elsewhere(message: str) -> bool:
    """Whether an error only points to another one."""
    return _POINTS_ELSEWHERE.search(message) is not None


def root_cause(lines: Sequence[str]) -> str:
    """The last error in a log before the first that only points to another, as ``Error: text``."""
    found = ""
    for line in lines:
        error = _ERROR.search(line)
        if error is None:
            continue
        if points_elsewhere(error[2]):
            break
        found = f"{error[1].rpartition('.')[2]}: {error[2].strip()}"
    return found
