"""Model text in every place that it may go to."""

import io
import json
import re
import xml.etree.ElementTree as ET

import pytest
from helpers.report_examples import HOSTILE, hostile_report
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console

from smallscale_ci.report import annotations, console, junit, markdown
from smallscale_ci.report.escape import (
    clean,
    command_data,
    command_property,
    json_text,
    markdown_code,
    one_line,
    terminal,
)
from smallscale_ci.report.escape import markdown as escape_markdown

ANY_TEXT = st.text(alphabet=st.characters(codec=None), max_size=60)  # lone surrogates as well
PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
OUR_HTML = re.compile(r"</?(code|details|summary)>")


def test_clean_takes_away_what_a_terminal_obeys() -> None:
    assert (
        clean("a\x1b[31mb\x1b]8;;http://x\x1b\\c\x07\r\nd\te\x9b\u202ef\ud800")
        == "abc\nd\tef\ufffd"
    )
    assert clean("\x1b]0;never closed") == ""


@given(ANY_TEXT)
def test_clean_text_can_be_encoded_and_has_no_controls(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode()
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", cleaned)
    assert clean(cleaned) == cleaned


@given(st.one_of(ANY_TEXT, st.just(HOSTILE), st.just("##[error]x \x9b31m")))
def test_json_keeps_its_meaning_and_shows_nothing_that_is_obeyed(text: str) -> None:
    written = json_text(json.dumps({text: [text]}, ensure_ascii=False, indent=2))
    assert json.loads(written) == {text: [text]}
    written.encode()
    assert "##[" not in written
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", written)


def test_one_line_is_cut_at_the_limit() -> None:
    assert one_line(" a \n b\u2028c ") == "a b c"
    assert one_line("abcdef", 4) == "abc…"
    assert one_line("abcd", 4) == "abcd"


@given(ANY_TEXT)
def test_no_log_line_is_a_workflow_command_however_it_is_wrapped(text: str) -> None:
    printed = terminal(f"{text}::error::x ##[error]x")
    assert "::" not in printed
    assert "##[" not in printed


def test_console_report_is_inert() -> None:
    for width in (80, 31):
        stream = io.StringIO()
        Console(file=stream, width=width, color_system=None).print(
            console.render(hostile_report(), width)
        )
        printed = stream.getvalue()
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", printed)
        assert "##[" not in printed
        assert not re.search(r"^\s*::", printed, re.MULTILINE)
        # Neither rich's own markup nor its emoji names are interpreted.
        assert "[bold]b[/bold]" in printed or width < 80


def test_annotations_stay_one_command_a_line() -> None:
    lines = annotations.render(hostile_report()).splitlines()
    assert len(lines) == 2
    for line in lines:
        command, properties, _ = re.fullmatch(r"::(\w+) title=([^:,]*)::(.*)", line).groups()
        assert command == "error"
        assert "octocat" in properties


def test_command_escapes() -> None:
    assert command_data("50%\r\na:b,c") == "50%25%0Aa:b,c"
    assert command_property("50%\na:b,c") == "50%25%0Aa%3Ab%2Cc"


def test_junit_is_well_formed_and_literal() -> None:
    root = ET.fromstring(junit.render(hostile_report()))
    assert {e.tag for e in root.iter()} == {
        "testsuites", "testsuite", "testcase", "properties", "property", "failure", "skipped",
        "system-out",
    }  # fmt: skip
    assert one_line(HOSTILE) in root.find("testsuite").get("name")


def markup(source: str) -> tuple[set[str], str, str]:
    """(types of the tokens, raw HTML, text that GitHub searches for mentions and links)."""
    types, raw, plain = set(), "", ""
    for block in PARSER.parse(source):
        types.add(block.type)
        raw += block.content if block.type == "html_block" else ""
        for token in block.children or ():
            types.add(token.type)
            raw += token.content if token.type == "html_inline" else ""
            plain += token.content if token.type.startswith("text") else "\n"
    return types, raw, plain


def assert_inert(source: str) -> None:
    types, raw, plain = markup(source)
    assert not types & {"link_open", "image", "code_inline", "em_open", "strong_open", "s_open"}
    assert "<" not in OUR_HTML.sub("", raw)
    assert not re.search(r"@\w|#\d|://\w|www\.", plain)


@pytest.mark.parametrize("escape", [escape_markdown, markdown_code])
def test_markdown_is_literal(escape) -> None:
    assert_inert(f"x {escape(HOSTILE)}")
    tricky = r"*a* _b_ `c` | [d](e) <f> ~g~ \| &amp; $x$"
    assert tricky in markup(f"x {escape(tricky)}")[2]


@given(ANY_TEXT)
def test_markdown_is_literal_for_any_text(text: str) -> None:
    assert_inert(f"x {markdown_code(text)}")


def test_markdown_report_is_inert_and_its_tables_keep_their_shape() -> None:
    source = markdown.render(hostile_report(), markdown.SUMMARY_LIMIT)
    types, raw, plain = markup(source)
    assert not types & {"link_open", "image", "code_inline", "em_open", "s_open"}
    assert "<" not in OUR_HTML.sub("", raw)
    assert not re.search(r"@\w|#\d|://\w|www\.", plain)
    rows = [line for line in source.splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {8, 7, 5, 3}
    assert source.count("```") == 2
