"""How long to wait for a server that says when to come back: one rule for engine and judges."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import Any

PATIENCE_S = 900.0  # of one request, with a server that says when to come back


def asked_s(error: Any) -> float:
    """Seconds that a server's ``Retry-After`` asks to wait; 0 where it does not say.

    It is a number of seconds or a date (RFC 9110, 10.2.3). ``error`` is one of the package
    ``openai``, with the server's response.
    """
    said = str(getattr(getattr(error, "response", None), "headers", {}).get("retry-after", ""))
    try:
        return max(0.0, float(said))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(said).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0
