"""A run's settings, model and own score from lm-eval's results.json."""

from __future__ import annotations

from typing import Any

from smallscale_ci.interop.files import Row, at, known
from smallscale_ci.interop.interface import Wanted

RESULTS = "results.json"  # up to 0.4.2
_SCORES = ("exact_match", "acc", "acc_norm")  # preferred if a row has several


def settings(results: Row, task: str) -> Row:
    """The recorded settings under the manifest's keys; empty without results."""
    config = results.get("configs", {}).get(task, {})
    asked_for = at(results, "config", "gen_kwargs")
    generation = {
        **(config.get("generation_kwargs") or {}),
        **(asked_for if isinstance(asked_for, dict) else {}),
    }
    arguments = at(results, "config", "model_args")
    arguments = arguments if isinstance(arguments, dict) else _pairs(arguments)
    greedy = 0.0 if generation.get("do_sample") is False else None
    return known(
        engine__version=results.get("lm_eval_version"),
        engine__backend=at(results, "config", "model"),
        engine__dtype=arguments.get("dtype"),
        engine__max_model_len=results.get("max_length"),
        engine__chat_template=results.get("chat_template_sha"),
        suite__version=at(results, "versions", task),
        suite__limit=at(results, "config", "limit"),
        sampling__temperature=generation.get("temperature", greedy),
        sampling__top_p=generation.get("top_p"),
        sampling__top_k=generation.get("top_k"),
        sampling__max_tokens=generation.get("max_gen_toks") or generation.get("max_tokens"),
        sampling__stop=generation.get("until"),
    )


def model(results: Row) -> str:
    """The model's name; older versions have it only among the arguments."""
    arguments = _pairs(at(results, "config", "model_args"))
    return str(results.get("model_name") or arguments.get("pretrained") or "")


def _pairs(text: Any) -> dict[str, str]:
    """Parse ``a=1,b=2``, the form in which older versions record the model's arguments."""
    if not isinstance(text, str):
        return {}
    return dict(part.split("=", 1) for part in text.split(",") if "=" in part)


def _own_keys(results: Row, task: str) -> list[str]:
    """``metric,filter`` of the task's own scores, in the tool's order."""
    scores = at(results, "results", task)
    keys = list(scores) if isinstance(scores, dict) else []
    return [key for key in keys if "," in key and not key.partition(",")[0].endswith("_stderr")]


def _own_key(results: Row, task: str, wanted: Wanted) -> str:
    keys = _own_keys(results, task)
    if wanted.filter:
        keys = [key for key in keys if key.partition(",")[2] == wanted.filter]
    if keys and not wanted.filter:
        first = _first_filter(results, task) or keys[0].partition(",")[2]
        keys = [key for key in keys if key.partition(",")[2] == first] or keys
    metric = preferred([key.partition(",")[0] for key in keys], wanted)
    return next((key for key in keys if key.partition(",")[0] == metric), "")


def _first_filter(results: Row, task: str) -> str:
    filters = at(results, "configs", task, "filter_list")
    return str(filters[0].get("name", "")) if isinstance(filters, list) and filters else ""


def own_score(results: Row, task: str, wanted: Wanted) -> float | None:
    """The task's score as reported by lm-eval; ``None`` if it reports none."""
    value = at(results, "results", task, _own_key(results, task, wanted))
    return float(value) if isinstance(value, (int, float)) else None


def preferred(names: list[str], wanted: Wanted) -> str:
    """The score among ``names`` that counts; empty if the requested one is missing."""
    if wanted.metric:
        return wanted.metric if wanted.metric in names else ""
    return next((score for score in _SCORES if score in names), names[0] if names else "")
