"""Where a base model continues by asking itself another question."""

from __future__ import annotations

import re

from smallscale_ci.worker.thinking import answer_part

_NEXT = re.compile(
    r"\n[ \t]*(?:[#*>]{1,4}[ \t]*)?(?:Question|Problem|Q|Exercise|User|Human|Instruction"
    r"|Frage|Pregunta|Domanda|Pergunta|Вопрос|问题|问|題目|题目|質問|問題|질문|문제)"
    r"(?:[ \t]*\*{1,2})?[ \t]*[:：][ \t*]*\n?(?P<asks>[^\n]*)",
    re.IGNORECASE,
)
_CJK = "\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7a3"  # written without spaces: each character is a word
_WORD = re.compile(rf"[{_CJK}]|[^\W{_CJK}]+")
_FEWEST = 4  # words of a question: "Problem: find x." may be any
_SHARE = 0.6  # share of words that a restated question has in common with the original
_LONGEST = 4000  # characters of a question


def own_answer(text: str, question: str) -> str | None:
    """The answer of ``text`` to ``question``; ``None`` if its thinking never ended."""
    answer = answer_part(text)
    return None if answer is None else own_part(answer, question)


def own_part(answer: str, question: str) -> str:
    """``answer`` up to another question that it asks.

    Few-shot prompts teach base models to write one question after another; their answer to the next
    one does not answer this one. A question is a restatement of this one if most of its words and
    all of its numbers are in it. Without a question in ``question`` nothing is cut off.
    """
    known = frozenset(_WORD.findall(question[-_LONGEST:].casefold()))
    if len(known) < 3:
        return answer
    for mark in _NEXT.finditer(answer):
        words = set(_WORD.findall(mark["asks"][:_LONGEST].casefold()))
        same = len(words & known) >= _SHARE * len(words)
        numbers = all(word in known for word in words if word.isdecimal())
        if len(words) >= _FEWEST and not (same and numbers) and answer[: mark.start()].strip():
            return answer[: mark.start()]
    return answer
