"""Finds the answer that a text states in words: "the answer is 7", "Answer: 7", "#### 7"."""

from __future__ import annotations

import re

from smallscale_ci.judges.phrases import ADVERBS, TURNS

_NUMBER = r"[*$(\\+-]{0,6}(?:\d|[a-z]{4,6}\{)"  # begins like a number or a formula
_STATED = re.compile(
    r"""\banswers?\b[^.\n:=]{0,60}?\s(?:is|are|equals|would\ be|must\ be|should\ be)\b
        (?!\s(?:looking|asked|seeking|searching|trying|after)\b)
        (?:[\s,]+(?:actually|indeed|simply|just|exactly|thus|therefore|then|still|now|equal\ to
                |given\ by|about|approximately|roughly
                |(?:also|(?:most\s|very\s)?likely|probably|presumably|apparently
                |"""
    + ADVERBS
    + r""")(?=[\s,]+"""
    + _NUMBER
    + r""")
                )\b)*[\s,]*[:=]?
      | \b(?:correct|best|right)\s(?:option|choice)\b[^.\n:=]{0,40}?(?:\sis\b|:)
      | (?<![a-z\d])answers?(?:\*\*|[*_]|__)?\s*(?:[:=]>?|[-=]>|[→⇒])
      | (?:^|\n)[ \t\#*]*(?:(?:final|correct)\s)?answer[ \t*:]*
        (?=\n\s*\S+(?:[ \t]+\S+){0,2}[ \t]*(?:\n|$))  # a heading; on its line the answer alone
      | <(?:final_?)?answer>
      | <(?P<tag>solution|conclusion|result)>  # around the answer alone, no sentence
        (?=\s{0,8}(?!(?:[a-z'’]{1,30},?\s){2}[a-z])[^<\s][^<\n]{0,80}\s{0,8}</(?P=tag)>)
      | [{,]\s{0,40}"(?:final_?|correct_?)?answer"\s{0,8}:\s{0,8}(?=["\d.-])  # in JSON
      | (?:答案|结果|結果)(?:\*\*)?\s?(?:应该|應該|应|應)?(?:是|为|為|等于|等於|[:：])\s?[:：]?
      | 答\s?[:：]
      | \b(?:antwort|ergebnis|réponse|résultat|respuesta|resultado|risposta|risultato|resposta|ответ
            |antwoord|svar(?:et)?|odpowiedź|cevap|jawaban|đáp\s(?:án|số))\b(?:\*\*)?
        (?:\s(?:finale?|correcta|correta|corretta|richtige))?
        (?:\s(?:ist|lautet|beträgt|est|es|è|é|is|är|er|to|adalah|là)\b|\s?[:=]|\s[-–—](?=\s))
        (?:\s(?:also|daher|somit|donc|por\stanto|quindi|portanto)\b)?\s?:?
      | \blösung\s(?:lautet|ist)\b(?:\s(?:also|daher|somit))?\s?:?
      | (?:答え|解答|正解|回答)(?:\*\*)?\s?(?:は、?|[:：])
      | (?:정답|답)(?:\*\*)?\s?(?:은|는|[:：])
      | (?:^|\n)[ \t]*\#{3,4}(?=\s*[-+$\\.\d(\[])
    """,
    re.IGNORECASE | re.VERBOSE,
)
# Other forms, which count where none of those above is there: they also speak of other things, so a
# number must follow, and nothing around may take it back.
_SAID = re.compile(
    r"""(?:\banswers?\b(?:(?!\b(?:of|for|before|without)\b)[^.\n:=]){0,60}?\s(?:will\sbe|becomes|"""
    + TURNS
    + r""")
        | \bfinal\s(?:result|solution|value|total|amount|sum)
          \s(?:is|equals|will\sbe|"""
    + TURNS
    + r""")
        | \b(?:gives?|giving|makes?|making|yields?|gets?|obtain|with)\s(?:us\s|you\s)?
          (?:the|an?|our)\s(?:final\s|correct\s)?answer(?:\s(?:of|as))?
        | \banswers?\sto\sbe
        | \banswer(?:\*\*)?\s[-–—]
        | \bans[.:]
        )(?:[\s,]+(?:therefore|thus|then|hence|"""
    + ADVERBS
    + r"""))*[\s,:]{1,4}(?="""
    + _NUMBER
    + r""")
      | (?:(?:^|[\n.!?])\s{0,4}|\b(?:so|thus|hence|therefore)\b)[\s,*]{0,4}  # 12 is the answer
        (?P<value>[-−]?\$?\d[\d,]{0,40}(?:\.\d{1,40})?(?:/\d{1,40})?%?|\$[^$\n]{0,40}\d[^$\n]{0,40}\$
          |\\\([^\n\d]{0,40}\d[^\n]{0,40}?\\\))
        [\s*]{1,4}(?:is|must\sbe|has\sto\sbe)\s(?:the|our|my)
        \s(?:final\s|correct\s|right\s|required\s)?answer\s{0,4}(?=[.!,;\n]|$)
    """,
    re.IGNORECASE | re.VERBOSE,
)
_DOUBTED = re.compile(
    r"\b(?:not|never|no|nor|cannot|nobody|none|impossible|wrong|if|unless|whether|suppose|would|might|may|could"
    r"|some|many|most|people|they|others|mistakes?|errors?|common|part|case|step|first|expect|before|without|need|want|require|forget\w*)\b|n['’]t\b",
    re.IGNORECASE,
)
_RETRACTED = re.compile(
    r"\b(?:not|wrong|incorrect|actually|instead|disagree|mistake\w*|but|however|wait|rather|answer)\b|n['’]t\b",
    re.IGNORECASE,
)
_NO_UNIT = re.compile(
    r"\b(?:or|if|and|digits?|minus|plus|times|more|less|before|after|without|instead|when|for|according|of|in)\b|\?",
    re.IGNORECASE,
)
_PHRASE_END = re.compile(
    r"""[.!](?=[\s*"]|$) | ;(?=\s) | \n | \\boxed
      | </(?:(?:final_?)?answer|solution|conclusion|result)>
      | [。；！] | です|である|となり|になり|입니다|이다|이에요|예요
      | ,?\s(?:because|since|so|as|which|where|when|hence|therefore|given|meaning|i\.e)\b
      | ,\s(?:that\ is|(?:and\s)?not|rather\sthan|instead\sof)\b
      | ,\s(?:weil|da|denn|car|parce|porque|perché|pois|потому|так)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_BEGUN = re.compile(  # a sentence that goes on, in an <answer> that was cut off
    r"(?:so|thus|hence|therefore|we|first|let|to|since|because|now"
    r"|the\s(?:answer|result|value|final|solution|total|number))\b[a-z ,']*",
    re.IGNORECASE,
)
_JSON_VALUE = re.compile(r'"(?P<text>(?:[^"\\]|\\.){0,2000})"|-?[\d.][\d.eE+-]*', re.DOTALL)
_DECORATION = re.compile(r"(?:[\s*_\"“”:=]|\}(?=\s)|(?:\$\$|\\\[)(?=[ \t]*\n))+")
_QUOTES = "'‘’`"


def stated(text: str) -> str | None:
    """What the last "the answer is …", "Answer: …" or "#### …" says, up to its sentence's end."""
    for mark in reversed(list(_STATED.finditer(text))):
        start = mark.end()
        if mark.group()[0] in "{,":
            value = _json_value(text, start)
            if value:
                return value
            continue
        skip = _DECORATION.match(text, start)
        start = skip.end() if skip else start
        end = _PHRASE_END.search(text, start, start + 2000)
        phrase = text[start : end.start() if end else start + 2000].strip(' \t*_:"“”')
        if phrase[:1] in _QUOTES:
            phrase = phrase.strip(_QUOTES)
        if end is None and mark.group()[0] == "<" and _BEGUN.fullmatch(phrase):
            return None
        if phrase and not phrase.lower().startswith("not "):
            return phrase
    return _said(text)


def _said(text: str) -> str | None:
    """The last number that the text says to be its answer in other words, if nothing doubts it."""
    for mark in reversed(list(_SAID.finditer(text))):
        before = re.split(r"[.!?\n]", text[max(0, mark.start() - 120) : mark.start() + 1])[-1]
        if _DOUBTED.search(before) or _DOUBTED.search(mark.group().replace("would", "")):
            continue
        if mark["value"]:
            phrase, end = mark["value"], mark.end()
        else:
            found = _PHRASE_END.search(text, mark.end(), mark.end() + 200)
            end = found.start() if found else min(len(text), mark.end() + 200)
            phrase = text[mark.end() : end].strip(' \t*_:"“”')
        said = re.sub(r"\$[^$]*\$|\\\(.*?\\\)|\\[a-z]+", " ", phrase)
        if (
            _NO_UNIT.search(said)
            or _RETRACTED.search(said)
            or len(re.findall(r"[^\W\d_]{2,}", said)) > 2
        ):
            continue
        if not _RETRACTED.search(text, end, end + 400):
            return phrase
    return None


def _json_value(text: str, start: int) -> str:
    """The text or number in JSON at ``start``; models forget to double their backslashes."""
    value = _JSON_VALUE.match(text, start)
    if value is None:
        return ""
    inner = value.group() if value["text"] is None else value["text"]
    return inner.replace("\\\\", "\\").replace('\\"', '"').strip()
