"""What a chat template reads, and what it renders: the same tomorrow, and never without an end."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jinja2
import pytest

from smallscale_ci.worker.engines import template
from smallscale_ci.worker.engines.chat import Chat
from smallscale_ci.worker.engines.interface import StartError

HELLO = [{"role": "user", "content": "Hi"}]


class Tokenizer:
    """Renders as transformers does, and takes characters for tokens."""

    def __init__(self, text: str) -> None:
        environment = jinja2.Environment(extensions=["jinja2.ext.loopcontrols"])
        self.chat_template, self._template = text, environment.from_string(text)

    def apply_chat_template(self, messages: Any, **given: Any) -> list[int]:
        assert given.pop("tokenize") is True
        assert given.pop("return_dict") is False
        return [ord(letter) for letter in self._template.render(messages=messages, **given)]


def rendered(text: str, **variables: Any) -> str:
    return "".join(map(chr, template.render(Tokenizer(text), HELLO, variables)))


def chat(text: str, **variables: Any) -> Chat:
    made = Chat.__new__(Chat)
    made._tokenizer, made.variables = Tokenizer(text), variables
    return made


def test_variables_reach_the_template() -> None:
    text = "{% if enable_thinking is false %}no{% else %}yes{% endif %}{{ messages[0].content }}"
    assert rendered(text) == "yesHi"
    assert rendered(text, enable_thinking=False) == "noHi"


def test_neither_clock_nor_chance() -> None:
    text = "{{ strftime_now('%d %B %Y') }} {{ range(1000) | list | random }} {{ lipsum(1) }}"
    assert {rendered(text) for _ in range(5)} == {"01 January 2026 0 "}


def test_another_day_gives_the_same_prompt(tmp_path: Path) -> None:
    """In processes of their own, whose clocks are years apart."""
    script = (
        "import sys, time, datetime\n"
        "class Later(datetime.datetime):\n"
        "    @classmethod\n"
        "    def now(cls, zone=None):\n"
        "        return cls(2041, 7, 1)\n"
        "if sys.argv[1] == 'later': datetime.datetime = Later\n"
        "sys.path[:0] = sys.argv[2:]\n"
        "from unit.worker.test_template import rendered\n"
        "print(rendered('{{ strftime_now(\"%Y-%m-%d %H:%M\") }}'))\n"
    )
    tests = Path(__file__).resolve().parents[2]
    found = {
        subprocess.run(
            [sys.executable, "-c", script, when, str(tests), str(tests.parent)],
            capture_output=True, text=True, check=True,
        ).stdout
        for when in ("now", "later")
    }  # fmt: skip
    assert found == {"2026-01-01 00:00\n"}


def test_a_template_that_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template, "LIMIT_S", 0.3)
    endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    with pytest.raises(ValueError, match="does not end within"):
        chat(endless).render(HELLO)
    with pytest.raises(StartError, match="does not end within"):
        chat(endless).try_out()
    assert chat("{{ messages[0].content }}").render(HELLO) == [72, 105]  # and no thread is harmed


@pytest.mark.parametrize(
    ("text", "variables", "hint"),
    [
        ("{{ 'effort: ' + reasoning_effort }}", {"reasoning_effort": 3}, "reasoning_effort=3"),
        ("{% if effort not in ['low'] %}{{ 1/0 }}{% endif %}", {"effort": "lo"}, "effort='lo'"),
        ("{{ 1/0 }}", {}, "Correct chat_template.jinja"),
    ],
)
def test_a_template_that_raises_is_told_before_the_engine_loads(
    text: str, variables: dict[str, Any], hint: str
) -> None:
    with pytest.raises(StartError, match="cannot be rendered") as found:
        chat(text, **variables).try_out()
    assert hint in found.value.hint


def test_a_template_that_wants_a_system_message_is_none_that_raises() -> None:
    chat("{% if messages[0].role != 'system' %}{{ 1/0 }}{% endif %}").try_out()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{% for m in messages %}{{ m.content }}{% endfor %}", set()),
        ("{% if think is defined and not think %}x{% endif %}", {"think"}),
        ("{% set effort = reasoning_effort | default('high') %}{{ effort }}", {"reasoning_effort"}),
        ("{% if not a is defined %}{% set a = false %}{% endif %}{{ a }}", {"a"}),
        ("{% generation %}{{ x }}{% endgeneration %}{% break %}", {"x"}),
        ("{% set ns = namespace(a=1) %}{{ ns.a }}{{ strftime_now('%d') }}{{ bos_token }}", set()),
        ("{% macro f(a) %}{{ a ~ b }}{% endmacro %}{{ f(1) }}", {"b"}),
    ],
)  # fmt: skip
def test_what_a_template_reads(text: str, expected: set[str]) -> None:
    assert template.reads(text) == expected


def test_what_is_no_template_is_told() -> None:
    with pytest.raises(ValueError, match=r"line 2"):
        template.reads("\n{% if %}")


def test_the_template_is_found_where_checkpoints_have_it(tmp_path: Path) -> None:
    assert template.source(tmp_path) is None
    config = tmp_path / "tokenizer_config.json"
    config.write_text("[]")
    assert template.source(tmp_path) is None
    config.write_text(json.dumps({"chat_template": "one"}))
    assert template.source(tmp_path) == "one"
    several = [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]
    config.write_text(json.dumps({"chat_template": several}))
    assert template.source(tmp_path) == "d"
    (tmp_path / "chat_template.jinja").write_text("file")
    assert template.source(tmp_path) == "file"
