"""Chat templates that cannot be rendered are found before anything is loaded, by every command."""

import json
import sys

import pytest
from helpers.checkpoints import FILES, make
from typer.testing import CliRunner

from smallscale_ci.checkpoint import rehearsal
from smallscale_ci.checkpoint.rehearsal import FailedError, render
from smallscale_ci.cli.main import app
from smallscale_ci.worker.engines import template as worker

HELLO = ({"role": "user", "content": "Hi"},)
CHATML = (
    "{{ bos_token }}{%- for m in messages %}\n<|im_start|>{{ m.role }}\n"
    "{% generation %}{{ m.content | trim }}{% endgeneration %}<|im_end|>\n{%- endfor %}"
    "{%- if add_generation_prompt %}<|im_start|>assistant\n"
    "{%- if enable_thinking is defined and not enable_thinking %}<think></think>{% endif %}"
    "{%- endif %}"
)
ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"


def checkpoint(folder, template, **tokenizer):
    files = {"tokenizer_config.json": json.dumps({"chat_template": template, **tokenizer}).encode()}
    return make(folder, {**FILES, **files})


def test_it_writes_what_the_worker_writes(tmp_path) -> None:
    path = checkpoint(tmp_path, CHATML, bos_token={"content": "<s>"})
    (found,) = render(path, [HELLO], {"enable_thinking": False}) or ("",)
    assert found == "<s><|im_start|>user\nHi<|im_end|><|im_start|>assistant<think></think>"
    assert render(path, [HELLO], prompting=False) == ["<s><|im_start|>user\nHi<|im_end|>"]


def test_neither_clock_nor_chance(tmp_path) -> None:
    text = "{{ strftime_now('%d %B %Y') }} {{ [3, 1, 2] | random }}{{ lipsum(n=1) }}"
    assert render(checkpoint(tmp_path, text), [HELLO]) == ["01 January 2026 3"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{% if %}", "TemplateSyntaxError"),
        ("a\n{% for m in messages %}\n{{ m.content }", "(line 3)"),
        ("{{ raise_exception('Only one turn') }}", "TemplateError: Only one turn"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{{ 'effort: ' + effort }}", "TypeError"),
        ("{{ messages[7].content }}", "UndefinedError"),
        ("{{ ''.__class__.__mro__ }}", "SecurityError"),
        ("{{ messages[0].content * 10000000000 }}", "1 GiB"),
        ("{{ open('x') }}", "'open' is undefined"),
    ],
)
def test_what_fails_is_said(tmp_path, text, said) -> None:
    with pytest.raises(FailedError) as found:
        render(checkpoint(tmp_path, text), [HELLO], {"effort": 3})
    assert said in str(found.value)


def test_one_that_never_ends_is_ended(tmp_path, monkeypatch) -> None:
    script = rehearsal._SCRIPT.replace("RLIMIT_CPU, (3, 3)", "RLIMIT_CPU, (1, 1)")
    monkeypatch.setattr(rehearsal, "_SCRIPT", script)
    with pytest.raises(FailedError, match="does not end"):
        render(checkpoint(tmp_path, ENDLESS), [HELLO])


def test_packages_may_lie_where_pythonpath_says(tmp_path, monkeypatch, script) -> None:
    bare = script(f'exec {sys.executable} -S "$@"')  # it sees no installed package
    monkeypatch.setattr(rehearsal.sys, "executable", str(bare))
    (found,) = render(checkpoint(tmp_path / "m", CHATML), [HELLO]) or ("",)
    assert found.startswith("<|im_start|>user")


def test_a_python_that_fails_says_nothing_about_the_template(tmp_path, monkeypatch, script) -> None:
    monkeypatch.setattr(rehearsal.sys, "executable", str(script("exit 1")))
    assert render(checkpoint(tmp_path / "m", CHATML), [HELLO]) is None


def test_a_checkpoint_without_a_template_is_left_to_the_worker(tmp_path) -> None:
    make(tmp_path, {**FILES, "tokenizer_config.json": b"{}"})
    assert worker.source(tmp_path) is None
    assert render(tmp_path, [HELLO]) is None


@pytest.mark.parametrize(
    ("text", "options", "said", "hint"),
    [
        ("{% if %}", (), "TemplateSyntaxError", "Correct chat_template.jinja"),
        ("{{ 1 / 0 }}", (), "ZeroDivisionError", "Correct chat_template.jinja"),
        (
            "{{ 'effort: ' + reasoning_effort }}",
            ("--template", "reasoning_effort=3"),
            "TypeError",
            "reasoning_effort=3: check their names and types",
        ),
        (
            "{% if messages[0].role == 'user' %}{{ raise_exception('needs a system') }}{% endif %}",
            (),
            "needs a system",
            "Correct",
        ),
    ],
)
def test_a_dry_run_finds_it(tmp_path, text, options, said, hint) -> None:
    model = checkpoint(tmp_path / "m", text)
    arguments = ("generate", model, "--dry-run", "--engine-python", sys.executable, *options)
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == 2
    assert "The chat template of m cannot render the suite's prompts" in done.output
    assert said in done.output
    assert hint in " ".join(done.output.split())
