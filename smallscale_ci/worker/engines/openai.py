"""Any OpenAI-compatible endpoint as an engine: the server owns the model and the chat template.

``engine_args``: ``base_url``; ``api_key_env``, the variable that holds the key (OPENAI_API_KEY);
``requests_per_minute``; ``timeout_s`` of one request; ``max_retries`` with back-off, or for as long
as the server's Retry-After says, and more while others get through; ``standard_only`` for servers
that refuse top_k and min_p; ``max_tokens_name`` for those that expect max_completion_tokens;
``extra_body``. Of the template variables ``reasoning_effort`` is a field of the request, and the
others go into ``chat_template_kwargs``, as vLLM and SGLang take them.
"""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

from ..patience import PATIENCE_S, asked_s
from ..thinking import split
from .interface import ABORT, LENGTH, STOP, Completion, Request, StartError, failed, prompt_hash

_FINISH = {"stop": STOP, "length": LENGTH, "content_filter": ABORT}
_MAX_RETRIES = 12  # 0.5 s doubling to 8 s: over a minute of an unavailable service
_UNLISTED = (403, 404, 405, 501)  # not every endpoint or key can list models
_REFUSED = (400, 413, 422)  # these concern one request
_CLOSED = (401, 403, 404)  # and these all requests
_TORN = 3  # retries after an incomplete answer
_CROWD_S = 0.5
_LIBRARY_S = 60.0  # the library itself waits for a Retry-After of up to this, and no longer
_PROBE_S = 60.0


class OpenAIAdapter:
    """Asks an endpoint; token counts are the endpoint's own."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._model: str = job["model"]
        self._logprobs = bool(job.get("logprobs"))
        self._args: dict[str, Any] = job.get("engine_args", {})
        self._take(job)
        self._limit: str = self._args.get("max_tokens_name", "max_tokens")
        self._pace = _Pace(float(self._args.get("requests_per_minute") or 0))
        self._client: Any = None
        self._served = ""
        self._answered_at = 0.0  # time of the last answer to any request

    def _take(self, job: dict[str, Any]) -> None:
        self._sampling: dict[str, Any] = job["sampling"]
        self._asked: dict[str, Any] = job.get("template", {})
        self._effort = self._asked.get("reasoning_effort")
        self._variables = {k: v for k, v in self._asked.items() if k != "reasoning_effort"}

    async def start(self) -> None:
        """Connect, and check that the model is served. Raises ``StartError``."""
        import openai

        url = self._args.get("base_url")
        if not url:
            raise StartError(
                "the profile names no endpoint.",
                "Set engine_args.base_url in the profile, as http://localhost:8000/v1.",
            )
        self._refuse_unusual()
        self._client = openai.AsyncOpenAI(
            base_url=url,
            api_key=os.environ.get(self._args.get("api_key_env", "OPENAI_API_KEY")) or "none",
            max_retries=int(self._args.get("max_retries", _MAX_RETRIES)),
            timeout=float(self._args.get("timeout_s", 1800)),
        )
        try:
            models = [model async for model in self._client.models.list()]
        except openai.OpenAIError as error:
            if getattr(error, "status_code", None) in _UNLISTED:
                return  # the first request will tell
            raise self._lost(error) from error
        except AttributeError as error:  # for example a web page
            raise StartError(
                f"{self._shown} answers, but not as an OpenAI-compatible endpoint.",
                "Check base_url: most end in /v1.",
            ) from error
        names = [model.id for model in models]
        if self._model not in names:
            shown = ", ".join(names[:8]) or "none"
            raise StartError(
                f"{self._shown} serves no model '{self._model}'.", f"It serves: {shown}."
            )
        self._served = str(getattr(models[names.index(self._model)], "root", "") or "")

    def _refuse_unusual(self) -> None:
        """Raise ``StartError`` for anything that an endpoint with only standard fields refuses."""
        if self._args.get("standard_only") and (self._sampling["top_k"] or self._sampling["min_p"]):
            raise StartError(
                "the suite samples with top_k or min_p, and this endpoint takes neither.",
                "Leave standard_only out of the profile, or set both to 0 in the suite.",
            )
        if self._args.get("standard_only") and self._variables:
            raise StartError(
                "This endpoint accepts only standard fields, and no template variables but "
                f"reasoning_effort: {', '.join(self._variables)}.",
                "Leave standard_only out of the profile, or the variables out of suite, profile "
                "and --template.",
            )

    async def switch(self, job: dict[str, Any]) -> None:
        """Go on with another run's sampling parameters and template variables."""
        self._take(job)
        self._refuse_unusual()

    async def generate(self, request: Request) -> Completion:
        """Generate one sample; a request that the endpoint refuses is an ERROR completion.

        Raises ``StartError`` if no other request would succeed either: the run can be resumed.
        """
        # Without variables, the hash equals that of older runs, which had none.
        hashed = prompt_hash([request.messages, self._asked] if self._asked else request.messages)
        if request.refused:
            return failed(request.refused, 0, hashed)
        await self._pace.wait()
        try:
            answer = await self._ask(self._body(request))
            return self._completion(answer.choices[0], answer.usage, hashed)
        except _RefusedError as error:
            return failed(str(error), 0, hashed)
        except (AttributeError, TypeError, IndexError):
            return failed("the endpoint gave no answer, or did not count its tokens", 0, hashed)

    async def _ask(self, body: dict[str, Any]) -> Any:
        """The answer to ``body``, retried until it comes or clearly never will."""
        import openai

        client, torn, waited_s, now = self._client, 0, 0.0, asyncio.get_running_loop().time
        while True:
            asked_at = now()
            try:
                answer = await client.chat.completions.create(**body)
            except openai.RateLimitError as error:
                wait_s = asked_s(error)
                waited_s += wait_s
                if wait_s > _LIBRARY_S and waited_s <= PATIENCE_S:
                    await asyncio.sleep(wait_s)
                    continue
                if self._answered_at < asked_at:
                    raise self._lost(error) from error
                await asyncio.sleep(_CROWD_S)  # others get through: it is only overloaded
            except openai.OpenAIError as error:
                status = getattr(error, "status_code", None)
                if status in _REFUSED:
                    raise _RefusedError(f"the endpoint refused it: {_text(error)}") from error
                if status in _CLOSED:
                    raise self._lost(error) from error
                if self._answered_at < asked_at and not await self._is_there():
                    raise self._lost(error) from error
                if client is not self._client:
                    raise _RefusedError(f"the endpoint failed on it: {_text(error)}") from error
                client = client.with_options(max_retries=0)  # once more: it may just be back
            except (json.JSONDecodeError, UnicodeDecodeError) as error:
                if torn == _TORN:
                    what = f"the endpoint's answer cannot be read: {_text(error)}"
                    raise _RefusedError(what) from error
                await asyncio.sleep(2.0**torn / 2)
                torn += 1
            else:
                self._answered_at = now()
                return answer

    async def _is_there(self) -> bool:
        """Whether it answers another request: then this request is at fault."""
        import openai

        client = self._client.with_options(max_retries=2, timeout=_PROBE_S)
        body = self._body(Request("", 0, [{"role": "user", "content": "Hello"}], 0))
        try:
            await client.chat.completions.create(**{**body, self._limit: 1})
        except (openai.OpenAIError, ValueError):
            return False
        return True

    def _completion(self, choice: Any, usage: Any, hashed: str) -> Completion:
        prompt_tokens = int(usage.prompt_tokens)
        if choice.finish_reason not in _FINISH:
            message = f"unknown finish reason '{choice.finish_reason}'"
            return failed(message, prompt_tokens, hashed)
        text = choice.message.content or ""
        if not isinstance(text, str):
            return failed("the endpoint's answer is not a text", prompt_tokens, hashed)
        # Servers that parse reasoning return it separately; judges need the original text.
        fields = choice.message.model_extra or {}
        thoughts = fields.get("reasoning_content") or fields.get("reasoning")
        if thoughts:
            closed = "</think>" if text or choice.finish_reason == "stop" else ""
            text = f"<think>{thoughts}{closed}{text}"
        extra: dict[str, Any] = {
            "completion_tokens": int(usage.completion_tokens),
            "thinking_tokens": _thinking_tokens(usage, text),
        }
        if self._logprobs and choice.logprobs is not None:
            extra["logprobs"] = [round(each.logprob, 5) for each in choice.logprobs.content or []]
        finish = _FINISH[choice.finish_reason]
        return Completion(text, [], prompt_tokens, finish, hashed, extra=extra)

    def _body(self, request: Request) -> dict[str, Any]:
        spec, extra = self._sampling, dict(self._args.get("extra_body", {}))
        if not self._args.get("standard_only"):
            # Even when off: a server may take other defaults from the checkpoint.
            extra = {"top_k": spec["top_k"] or -1, "min_p": spec["min_p"], **extra}
        if self._variables:
            given = extra.get("chat_template_kwargs") or {}
            extra["chat_template_kwargs"] = {**given, **self._variables}
        effort = {} if self._effort is None else {"reasoning_effort": self._effort}
        return {
            **effort,
            "model": self._model,
            "messages": request.messages,
            "temperature": spec["temperature"],
            "top_p": spec["top_p"],
            self._limit: spec["max_tokens"],
            "seed": request.seed,
            "stop": list(spec["stop"]) or None,
            "logprobs": self._logprobs,
            "extra_body": extra,
        }

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()

    def info(self) -> dict[str, Any]:
        """What is known about an engine behind an address: the model it reports."""
        settings = {"endpoint": self._shown, "model": self._model, "root": self._served}
        return {"engine": "openai", "version": "", "device": "none", "settings": settings}

    @property
    def _shown(self) -> str:
        """The address without a possible password."""
        scheme, _, rest = str(self._args.get("base_url")).partition("://")
        return f"{scheme}://{rest.rpartition('@')[2]}"

    def _lost(self, error: Exception) -> StartError:
        return StartError(
            f"the endpoint {self._shown} cannot be used: {_text(error)}",
            "Check base_url, the model's name and the key (its variable is named by api_key_env); "
            "completed samples are kept: continue with --resume.",
        )


def _thinking_tokens(usage: Any, text: str) -> int | None:
    """The endpoint's count; 0 without any thinking; otherwise unknown (``None``)."""
    details = getattr(usage, "completion_tokens_details", None)
    counted = getattr(details, "reasoning_tokens", None)
    if isinstance(counted, int) and (counted or not split(text).name):
        return min(counted, int(usage.completion_tokens))
    return None if split(text).name else 0


class _RefusedError(Exception):
    """A request that an endpoint does not answer although it answers others."""


class _Pace:
    """Spaces requests evenly at the allowed rate."""

    def __init__(self, per_minute: float) -> None:
        self._gap = 60 / per_minute if per_minute else 0.0
        self._next = 0.0

    async def wait(self) -> None:
        """Wait for this request's turn."""
        if not self._gap:
            return
        now = asyncio.get_running_loop().time()
        turn = max(now, self._next)
        self._next = turn + self._gap
        await asyncio.sleep(turn - now)


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:300]}"
