"""The few calls of GitHub's REST API that a comment needs."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, urlsplit

from smallscale_ci.errors import SmallscaleError

if TYPE_CHECKING:
    import httpx2

_PAGE = 100  # items per page
_TIMEOUT_S = 30.0
_WAITS_S = (1.0, 4.0)  # seconds before another try if GitHub was busy
_BUSY = (429, 500, 502, 503, 504)
_SUMMARY = "The step summary holds the same report."
_HINTS = {
    401: "The token is not valid here: pass GITHUB_TOKEN: ${{ github.token }}.",
    403: "The token may not comment: the job needs `permissions: pull-requests: write`.",
    404: "There is no such pull request, or the token may not see it: the job needs "
    "`permissions: pull-requests: write`.",
}


class PublishError(SmallscaleError):
    """Publishing on GitHub failed."""


class Api:
    """The API of one repository at ``address``. Use it as a context manager."""

    def __init__(
        self, address: str, repository: str, token: str, sleep: Callable[[float], None]
    ) -> None:
        import httpx2

        if urlsplit(address).scheme not in {"http", "https"}:
            raise PublishError(f"{address} is not the address of an API.", "See GITHUB_API_URL.")
        self._base = f"{address.rstrip('/')}/repos/{quote(repository)}/"
        self._sleep = sleep
        self._client = httpx2.Client(
            timeout=_TIMEOUT_S,
            follow_redirects=False,  # a redirect would carry the token to another address
            headers={
                "Authorization": f"Bearer {token}",
                "Accept": "application/vnd.github+json",
                "Content-Type": "application/json",
                "User-Agent": "smallscale-ci",
                "X-GitHub-Api-Version": "2022-11-28",
            },
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def all(self, path: str) -> list[dict[str, Any]]:
        """Every item of a list, page by page."""
        found: list[dict[str, Any]] = []
        while len(found) % _PAGE == 0:
            number = len(found) // _PAGE + 1
            page = self.send("GET", f"{path}?per_page={_PAGE}&page={number}")
            if not page:
                break
            found += page
        return found

    def send(self, method: str, path: str, value: Any = None) -> Any:
        """Make one call, retried while GitHub is busy. Raises ``PublishError``."""
        import httpx2

        content = None if value is None else json.dumps(value)
        for wait in (*_WAITS_S, None):
            try:
                answer = self._client.request(method, self._base + path, content=content)
            except (httpx2.TransportError, httpx2.InvalidURL) as error:
                if wait is None or method == "POST":
                    raise PublishError(
                        f"GitHub's API at {self._base} does not answer: "
                        f"{str(error) or type(error).__name__}.",
                        f"{_SUMMARY} Try `smallscale publish` again.",
                    ) from error
            else:
                # It is unknown whether a POST took effect before a server error: do not repeat it.
                if wait is None or answer.status_code not in _BUSY or method == "POST":
                    return _value(method, path, answer)
            self._sleep(wait)
        raise AssertionError("unreachable")


def _value(method: str, path: str, answer: httpx2.Response) -> Any:
    if not answer.is_success:
        try:
            said = str(answer.json().get("message", ""))
        except (ValueError, AttributeError):
            said = ""
        hint = _HINTS.get(answer.status_code, _SUMMARY)
        if "rate limit" in said.lower():  # told by 403, too
            hint = f"{_SUMMARY} Try `smallscale publish` again later."
        raise PublishError(
            f"GitHub refused {method} {path}: {answer.status_code} {said or answer.reason_phrase}.",
            hint,
        )
    try:
        return answer.json()
    except ValueError as error:
        raise PublishError(f"{answer.url} did not answer in JSON.") from error
