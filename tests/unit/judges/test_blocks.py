import json
import time
from pathlib import Path

import pytest

from smallscale_ci.judges.blocks import Block, blocks, program
from smallscale_ci.worker.thinking import answer_part

CORPUS = Path(__file__).parents[2] / "data/code_corpus.jsonl"
SOLVE = "n = int(input())\nprint(n * 2)\n"
DEFINE = "def double(n):\n    return n * 2\n"


def fence(code: str, language: str = "python") -> str:
    return f"```{language}\n{code}\n```\n" if code[-1:] != "\n" else f"```{language}\n{code}```\n"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("```python\na\n```", "a\n"),
        ("```\na\n```", "a\n"),
        ("```py\na\n```\n```python\nb\n```", "b\n"),
        ("```python\na\n```\n```text\noutput\n```", "a\n"),
        ("```python\na\n```\n```python\nb", "a\n"),
        ("```python\na\n```python\nb\n```", "b\n"),
        ("````python\ns = 1\n```\nt\n````", "s = 1\n```\nt\n"),
        ("1. So:\n   ```python\n   if a:\n       b\n   ```", "if a:\n    b\n"),
        ('  ```python\n  s = """\nt"""\n  ```', 's = """\nt"""\n'),
        ("~~~python\na\n~~~", "a\n"),
        ("```python\r\na\r\nb\r\n```\r\n", "a\nb\n"),
        ("```python\n```", None),
        ("print(1)", None),
        ("```python\nprint(1)", None),
        ("Use ```x``` here.", None),
    ],
)
def test_closed_blocks(text: str, code: str | None) -> None:
    assert program(text) == code


PYTHON = (
    "python", "Python", "Py3", "python3", "py", "PYTHON3", "python3.11", "Python 3", "pypy3",
    "{python}", "{.python}", 'python title="a.py"', "python:a.py", " python",
)  # fmt: skip


@pytest.mark.parametrize("name", PYTHON)
def test_names_of_python(name: str) -> None:
    assert program(f"{fence(SOLVE, name)}\n{fence('6', 'text')}") == SOLVE
    assert [block.is_python for block in blocks(fence(SOLVE, name))] == [True]


@pytest.mark.parametrize("name", ["text", "bash", "cpp", "c++", "java", "json", "output", "c#"])
def test_names_of_other_languages(name: str) -> None:
    assert program(fence(SOLVE, name)) is None


@pytest.mark.parametrize(
    "text",
    [
        f"Here it is:```python\n{SOLVE}```",
        "```pythonn = int(input())\nprint(n * 2)\n```",
        "```python n = int(input())\nprint(n * 2)\n```",
        f"```python\n{SOLVE.rstrip()}```",
        f"```python\n{SOLVE.rstrip()}``` \nIt doubles.",
        f"- ```python\n{SOLVE}```",
    ],
)
def test_glued_fences(text: str) -> None:
    assert (program(text) or "").strip() == SOLVE.strip()


@pytest.mark.parametrize(
    "inner",
    [
        'def f():\n    """\n    ```\n    f(1)\n    ```\n    """\n',
        "s = '''\n```python\nx\n```\n'''\n",
        's = """it\'s\n```\n"""\n',
        '# it\'s """ a comment\n',
        's = \'"""\'\n',
        's = """a\\"""\n```\n"""\n',
    ],
)
def test_fences_inside_strings(inner: str) -> None:
    assert program(f"{fence(inner + SOLVE)}It prints:\n{fence('6', '')}") == inner + SOLVE


def test_a_string_that_never_ends_hides_no_fence() -> None:
    assert program('```python\ns = """\nprint(1)\n```\nDone.') == 's = """\nprint(1)\n'


@pytest.mark.parametrize(
    "after",
    [
        fence("6", ""),
        fence("Input: 3\nOutput: 6", ""),
        fence("n = 3\nassert n * 2 == 6"),
        fence("print(double(3))"),
        fence("import io, sys\nsys.stdin = io.StringIO('3')\nmain()\nprint('as expected')"),
        fence(">>> double(int(input()))\n6\n>>> print(1)"),
        fence("input = '3'\nprint(double(int(input)))"),
        fence("$ python a.py\n6", "bash"),
        fence("3\n6", "text"),
    ],
)
def test_the_last_that_reads_and_prints(after: str) -> None:
    draft = fence("print(input())\n")
    assert program(draft + fence(SOLVE) + after) == SOLVE
    assert program(draft + fence(SOLVE, "") + after) == SOLVE


def test_the_last_that_defines_the_function() -> None:
    usage = fence("print(double(3))\n")
    method = "class Solution:\n    def double(self, n):\n        return n * 2\n"
    assigned = "double = lambda n: 2 * n\n"
    assert program(fence(DEFINE) + usage, "double") == DEFINE
    assert program(fence(method) + usage + fence("6", ""), "double") == method
    assert program(fence(DEFINE) + fence(method), "double") == method
    assert program(fence(assigned) + usage, "double") == assigned
    assert program(fence("def doubled(n): pass\n") + usage, "double") == "print(double(3))\n"


def test_blocks_have_their_language() -> None:
    assert blocks("```c++\na\n```\n```\nb\n```") == [Block("c++", "a\n"), Block("", "b\n")]


@pytest.mark.parametrize("unit", ["```python\n", '"""\n```\n', "```\n", "a```", "~~~\n'''\n"])
def test_hostile_texts_take_no_time(unit: str) -> None:
    begin = time.process_time()
    program(unit * (400_000 // len(unit)))
    assert time.process_time() - begin < 5


def test_the_corpus_is_read_as_labelled() -> None:
    rows = [json.loads(line) for line in CORPUS.read_text().splitlines()]
    assert len(rows) >= 38
    for row in rows:
        assert program(answer_part(row["text"]) or "", row["function"]) == row["code"], row["kind"]
