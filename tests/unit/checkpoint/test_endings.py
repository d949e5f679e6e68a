"""A turn that ends with a token that ends nothing is reported before anything runs."""

import json

import pytest
from helpers.checkpoints import FILES, make

from smallscale_ci.checkpoint.endings import complaint
from smallscale_ci.checkpoint.servable import inspect

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TOKENS = {"0": "<|endoftext|>", "1": "<|im_start|>", "2": "<|im_end|>"}


def checkpoint(folder, template, *, generation=None, config=None, eos="<|endoftext|>"):
    decoder = {number: {"content": content} for number, content in TOKENS.items()}
    tokenizer = {"eos_token": eos, "chat_template": template, "added_tokens_decoder": decoder}
    files = {**FILES, "tokenizer_config.json": json.dumps(tokenizer).encode()}
    files["config.json"] = json.dumps({"eos_token_id": config}).encode()
    if generation is not None:
        files["generation_config.json"] = json.dumps({"eos_token_id": generation}).encode()
    return make(folder, files)


@pytest.mark.parametrize(
    ("template", "given", "said"),
    [
        (CHATML, {"eos": "<|im_end|>"}, None),
        (CHATML, {"eos": {"content": "<|im_end|>"}}, None),
        (CHATML, {"generation": [0, 2]}, None),
        (CHATML, {"config": 2}, None),
        ("{% for m in messages %}{{ m.content }}{{ eos_token }}{% endfor %}", {}, None),
        (CHATML, {"generation": 0}, "ends an answer with <|im_end|>"),
        (CHATML, {"eos": None, "config": [0]}, "ends an answer with <|im_end|>"),
        ("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}", {}, "never ends"),
        # an end token elsewhere than after an answer
        ("{{ eos_token }}{% for m in messages %}{{ m.content }}\n{% endfor %}", {}, "never ends"),
        # what cannot be seen is left to the worker
        (CHATML, {"eos": None}, None),
        ("{{ 1 / 0 }}", {}, None),
        ("{% for m in messages %}x{% endfor %}", {}, None),
        ("{{ messages[0].content * 10000000000 }}", {}, None),
        ("{{ ''.__class__.__mro__ }}", {}, None),
    ],
)
def test_the_end_of_an_answer(tmp_path, template, given, said):
    found = complaint(checkpoint(tmp_path / "m", template, **given))
    assert (found is None) if said is None else (said in found)


def test_it_is_reported_before_the_run(tmp_path):
    said = []
    inspect(checkpoint(tmp_path / "m", CHATML), "m", "m", say=said.append)
    assert len(said) == 1
    assert said[0].startswith("warning: m: the chat template ends an answer with <|im_end|>")
    assert "<|endoftext|>" in said[0]
