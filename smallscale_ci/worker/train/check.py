"""Checks before training, in the training environment: settings, template, lengths.

Reads a JSON request and writes the answer beside it, ``REQUEST.answer``. Nothing is trained.
"""

from __future__ import annotations

import difflib
import importlib.metadata
import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

_PACKAGES = ("llamafactory", "torch", "transformers", "trl", "deepspeed", "peft", "accelerate")
_SHOWN = 60  # characters of the text around a difference


def check(request: Path) -> None:
    """Answer ``request``: {"settings": LLaMA-Factory's, "pairs": FILE}."""
    asked = json.loads(request.read_text(encoding="utf-8"))
    settings, supervised = asked["settings"], asked["settings"]["stage"] == "sft"
    answer: dict[str, Any] = {"versions": _versions(), "gpus": _gpus(), **_arguments(settings)}
    if not answer["unknown"] and not answer["invalid"]:
        examples = list(_examples(Path(asked["pairs"]), supervised))
        try:
            answer |= _template(settings, examples)
        except ValueError as error:  # an unknown template, or one that refuses a message
            answer["invalid"] = str(error)
    answer_file(request).write_text(json.dumps(answer), encoding="utf-8")


def answer_file(request: Path) -> Path:
    """Where the answer to ``request`` goes."""
    return request.with_name(request.name + ".answer")


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _gpus() -> int:
    import torch

    return int(torch.cuda.device_count())


def _arguments(settings: dict[str, Any]) -> dict[str, Any]:
    """Unknown keys, each with the nearest that LLaMA-Factory has, and values that it refuses."""
    from llamafactory.hparams import parser
    from transformers import HfArgumentParser

    kinds = parser._TRAIN_ARGS  # noqa: SLF001 - the one place that lists them
    known = {item.name for kind in kinds for item in fields(kind)}
    unknown = {
        key: next(iter(difflib.get_close_matches(key, known, n=1, cutoff=0.6)), "")
        for key in settings
        if key not in known
    }
    invalid = ""
    if not unknown:
        # DeepSpeed's configuration wants the process group of a real start.
        alone = {key: value for key, value in settings.items() if key != "deepspeed"}
        try:
            HfArgumentParser(kinds).parse_dict(alone)
        except (ValueError, TypeError, ImportError) as error:
            invalid = f"{error}".strip().splitlines()[0]
    return {"unknown": unknown, "invalid": invalid}


def _examples(file: Path, supervised: bool) -> Iterator[tuple[list[dict[str, str]], list[str]]]:
    """Each line's prompt messages and answers; no answers if LLaMA-Factory would drop it."""
    roles = {"system": "system", "human": "user", "gpt": "assistant"}
    for line in file.read_bytes().splitlines():  # a text file would also be split at U+2028
        row = json.loads(line)
        try:
            talk = [
                {"role": roles[turn["from"]], "content": turn["value"]}
                for turn in row["conversations"]
            ]
            if supervised:
                answers = [talk.pop()["content"]]
            else:
                answers = [row["chosen"]["value"], row["rejected"]["value"]]
        except (KeyError, TypeError, IndexError):
            yield [], []
            continue
        turns = [one["role"] for one in talk if one["role"] != "system"]
        odd = len(turns) % 2 == 1
        orderly = all(
            role == ("assistant" if index % 2 else "user") for index, role in enumerate(turns)
        )
        yield talk, answers if odd and orderly else []


def _template(settings: dict[str, Any], examples: list[Any]) -> dict[str, Any]:
    """Whether training and serving see the same tokens, and how long the examples are."""
    from llamafactory.data.template import get_template_and_fix_tokenizer
    from llamafactory.hparams.data_args import DataArguments
    from transformers import AutoTokenizer

    from . import template

    variables = template.variables_of(Path(settings["dataset_dir"]))
    template.install(variables)
    model, cutoff = settings["model_name_or_path"], int(settings["cutoff_len"])
    serving = AutoTokenizer.from_pretrained(model)
    tokenizer = AutoTokenizer.from_pretrained(model)
    data = DataArguments(template=settings.get("template"), cutoff_len=cutoff)
    turned = get_template_and_fix_tokenizer(tokenizer, data)
    difference: dict[str, Any] | None = None
    lengths: list[tuple[int, ...]] = []
    dropped = 0
    for talk, answers in examples:
        if not answers:
            dropped += 1
            continue
        system, turns = "", talk
        if talk and talk[0]["role"] == "system":
            system, turns = talk[0]["content"], talk[1:]
        prompt: list[int] = []
        replies = []
        for answer in answers:
            said = [*turns, {"role": "assistant", "content": answer}]
            prompt, reply = turned.encode_oneturn(tokenizer, said, system)
            replies.append(reply)
        if difference is None:
            difference = _compare(serving, talk, answers[0], prompt, replies[0], variables)
        lengths.append((len(prompt), *map(len, replies)))
    return {
        "difference": difference or None,
        "dropped": dropped,
        "cut": sum(length[0] + max(length[1:]) > cutoff for length in lengths),
        "lengths": lengths,
    }


def _compare(
    tokenizer: Any,
    talk: Any,
    answer: str,
    prompt: list[int],
    reply: list[int],
    variables: dict[str, Any],
) -> dict[str, Any]:
    """The first place where training's tokens differ from serving's; empty if there is none.

    Anything that a template puts after the end-of-answer token is never generated and may differ.
    """
    from . import template

    asked = template.rendered(tokenizer, talk, variables)
    ours = [*asked, *template.answer(tokenizer, asked, answer, variables)]
    theirs = [*prompt, *reply][: len(ours)]
    if ours == theirs:
        return {}
    pairs = zip(ours, theirs, strict=False)
    short = min(len(ours), len(theirs))
    at = next((place for place, (one, other) in enumerate(pairs) if one != other), short)
    return {
        "at": at,
        "checkpoint": tokenizer.decode(ours[max(0, at - 3) :])[:_SHOWN],
        "training": tokenizer.decode(theirs[max(0, at - 3) :])[:_SHOWN],
    }
