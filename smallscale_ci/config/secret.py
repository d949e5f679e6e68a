"""What looks like a secret: refused in files, and kept from the processes of a checkpoint.

Profiles and suites are written into every run's ``config.yaml`` and committed to git, and a
checkpoint's code may print what it sees.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_SECRET_NAME = re.compile(
    r"(.*[-_.])?(api[-_]?key|access[-_]?key|private[-_]?key|secret|passw(or)?d|credentials?"
    r"|authorization|bearer|(hf|hub|auth|access|api|refresh|session|github|gh)[-_]?token)|token",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    r"^\s*(Bearer\s+\S|Basic\s+\S|(sk|rk|pk)-\w|hf_\w{8}|gh[opsu]_\w{8}|github_pat_|xai-\w|gsk_\w{8}"
    r"|AIza\w{8}|nvapi-\w)",
    re.IGNORECASE,
)
# Variables of the environment. An engine's own arguments may well end in ``token``: eos_token.
_VARIABLE = re.compile(
    r"(TOKEN|SECRET|PASSW(OR)?D|PASSPHRASE|CREDENTIALS?|[_-]KEY|APIKEY|_PAT)$", re.IGNORECASE
)


def without_secrets(environment: Mapping[str, str], *, keep: str = "") -> dict[str, str]:
    """The variables without those whose names look like a secret's; ``keep`` names an exception."""
    return {
        name: value
        for name, value in environment.items()
        if name == keep or not _VARIABLE.search(name)
    }


def refuse_secrets(place: str, value: Any) -> None:
    """Raise ``ValueError`` for anything that has a secret's name or looks like one."""
    for name in _secrets(place, value):
        raise ValueError(
            f"{name} looks like a secret, and this file is written into every run. Set it in the "
            "environment"
        )


def _secrets(place: str, value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if isinstance(item, str) and item and _SECRET_NAME.fullmatch(key.strip("- ")):
                yield f"{place}.{key}"
            yield from _secrets(f"{place}.{key}", item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _secrets(place, item)
    elif isinstance(value, str) and _SECRET_VALUE.match(value):
        yield place
