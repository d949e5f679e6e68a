"""How long to wait for a server that sends Retry-After: one rule for engine and judges."""

from __future__ import annotations

from email.utils import mktime_tz, parsedate_tz
from typing import Any

PATIENCE_S = 900.0  # longest wait of one request for a server that sends Retry-After


def asked_s(error: Any) -> float:
    """Seconds to wait by a server's ``Retry-After``; 0 if there is none.

    It is a number of seconds or a date (RFC 9110, 10.2.3). ``error`` is one of the package
    ``openai``, with the server's response.
    """
    headers = getattr(getattr(error, "response", None), "headers", {})
    said = str(headers.get("retry-after", ""))
    try:
        return max(0.0, float(said))
    except ValueError:
        pass
    try:  # by the server's own clock
        said_at, now = (parsedate_tz(text) for text in (said, str(headers.get("date", ""))))
        return max(0.0, float(mktime_tz(said_at) - mktime_tz(now))) if said_at and now else 0.0
    except (ValueError, TypeError, OverflowError):
        return 0.0
