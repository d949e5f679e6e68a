"""An OpenAI-compatible service that answers questions; its replies are cached on disk."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import openai

from smallscale_ci.config.settings import Service
from smallscale_ci.files import write_text
from smallscale_ci.ids import content_hash
from smallscale_ci.worker.patience import PATIENCE_S, asked_s

# Temporary refusals are retried after 0.5 s doubling to 8 s, or after Retry-After:
# waits longer than 8 s do not count as attempts, and are limited to PATIENCE_S.
_RETRIES = 6
_SILENCES = 2  # timeouts of _REQUEST_S after which a server is not asked again
_REQUEST_S = 120.0
_FIRST_S, _LONGEST_S = 0.5, 8.0
_PASSING = (408, 409, 429)  # and everything from 500
_DEFAULTS = {"temperature": 0.0, "seed": 0, "max_completion_tokens": 1024}
_SHOWN = 200  # characters of an error in a reason


class UnansweredError(Exception):
    """A question got no answer. ``whole``: the service is at fault rather than the question."""

    def __init__(self, reason: str, *, whole: bool, final: bool = False) -> None:
        super().__init__(reason)
        self.whole = whole
        self.final = final  # neither a retry nor another question can help


class Client:
    """Asks one service. Methods may be called from several threads at once."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._openai = openai.OpenAI(
            base_url=service.url,
            api_key=service.key or "none",  # local servers often need none
            max_retries=0,  # the package's own retries would wait for a silent server six times
            timeout=_REQUEST_S,
        )

    @property
    def name(self) -> str:
        """Host and port, for messages: an address may contain a password."""
        return urlsplit(self._service.url).netloc.rpartition("@")[2]

    def ask(
        self,
        model: str,
        messages: list[dict[str, str]],
        request: Mapping[str, Any],
        is_usable: Callable[[str], bool],
    ) -> str:
        """The model's answer; a usable one is cached, and returned again without asking.

        ``request`` is added to the request's body; ``None`` removes one of the defaults. Raises
        ``UnansweredError``.
        """
        body = {**_DEFAULTS, **request, "model": model, "messages": messages}
        body = {name: value for name, value in body.items() if value is not None}
        path = self._path(body)
        known = _read(path)
        if known is not None and is_usable(known):
            return known
        answer = self._request(body)
        if path is not None and is_usable(answer):
            _write(path, {"model": model, "answer": answer})
        return answer

    def close(self) -> None:
        """Close the connections; requests in flight fail."""
        self._openai.close()

    def _path(self, body: Mapping[str, Any]) -> Path | None:
        if self._service.cache is None:
            return None
        key = content_hash(body)
        return self._service.cache / key[:2] / f"{key}.json"

    def _request(self, body: Mapping[str, Any]) -> str:
        try:
            reply = self._persistently(body)
            choice = reply.choices[0]
            content = _text(choice.message.content)
        except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
            raise self._unanswered(error, whole=True, final=True) from None
        except openai.NotFoundError as error:
            raise self._unanswered(error, whole=True, final=True) from None
        except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
            raise self._unanswered(error, whole=False) from None
        except openai.OpenAIError as error:
            raise self._unanswered(error, whole=True) from None
        except (ValueError, TypeError, AttributeError, IndexError):
            raise UnansweredError("the service returned no chat completion", whole=True) from None
        if not content and choice.finish_reason == "length":
            reason = "it reached max_completion_tokens before it answered (see judge.request)"
            raise UnansweredError(reason, whole=False)
        return content

    def _persistently(self, body: Mapping[str, Any]) -> Any:
        """The reply to ``body``, with retries if they may help. Raises the errors of ``openai``."""
        silences, attempt, waited_s = 0, 0, 0.0
        while True:
            try:
                return self._openai.chat.completions.create(**body)
            except openai.APITimeoutError:
                silences += 1
                attempt += 1
                if silences == _SILENCES or attempt > _RETRIES:
                    raise
            except (openai.APIConnectionError, openai.APIStatusError) as error:
                status = getattr(error, "status_code", 500)
                pause_s = asked_s(error)
                if pause_s <= _LONGEST_S:
                    pause_s = pause_s or min(_FIRST_S * 2**attempt, _LONGEST_S)
                    attempt += 1
                else:
                    waited_s += pause_s
                if (
                    attempt > _RETRIES
                    or waited_s > PATIENCE_S
                    or (status < 500 and status not in _PASSING)
                ):
                    raise
                time.sleep(pause_s)

    def _unanswered(self, error: openai.OpenAIError, **how: bool) -> UnansweredError:
        status = getattr(error, "status_code", None)
        text = " ".join(str(error).split())
        if self._service.key:
            text = text.replace(self._service.key, "***")  # some servers repeat it
        reason = f"status {status}: {text}" if status and str(status) not in text else text
        return UnansweredError(reason[:_SHOWN], **how)


def _text(content: Any) -> str:
    """The text of a message: a string, or parts, as some servers return it."""
    if isinstance(content, list):
        parts = [one if isinstance(one, str) else _part(one) for one in content]
        return "\n".join(part for part in parts if part)
    return content if isinstance(content, str) else ""


def _part(part: Any) -> str:
    kind = part.get("type", "text") if isinstance(part, dict) else ""
    text = part.get("text") if kind in ("text", "output_text") else None
    return text if isinstance(text, str) else ""


def _read(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        answer = json.loads(path.read_text(encoding="utf-8"))["answer"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None  # not asked yet, or a damaged file: ask
    return answer if isinstance(answer, str) else None


def _write(path: Path, value: Mapping[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(value), shared=True)
