"""What an answer comes down to where it states nothing: its judgement of each option, or its end.

Asked only where no claim counts (``claims``). All of it is about the answer's form: which options
are called wrong, which row of a table is headed "Answer", which option the last sentence ends with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from smallscale_ci.judges.doubts import HEDGED, ONLY_NAMED
from smallscale_ci.judges.lines import (
    NO,
    Claim,
    Line,
    any_of,
    beginning,
    label_pattern,
)
from smallscale_ci.judges.names import by_position
from smallscale_ci.judges.options import (
    Named,
    Options,
    by_text,
    named,
    plain,
)
from smallscale_ci.judges.phrases import NOUN
from smallscale_ci.judges.spelling import bare, spelled, words

_RIGHT = (
    r"(?:correct|right|true|yes|must\sbe\strue|richtig|korrekt|wahr|ja|correcte?|juste|vraie?|oui|correct[oa]|verdader[oa]|sí"
    r"|corrett[oa]|giust[oa]|ver[oa]|corret[oa]|cert[oa]|верно|правильно|да|正确|正確|对|對|正しい|正解|맞|옳)"
)
_WRONG = (
    r"(?:(?:is\s)?not|(?:could|may|can|need\snot)\sbe\s(?:false|true)|incorrect|wrong|false|no|unlikely|falsch|nein|nicht|fausse?|incorrecte?|non|fals[oa]"
    r"|incorrect[oa]|sbagliat[oa]|errad[oa]|incorret[oa]|неверно|неправильно|нет|错误?|錯誤?|不|誤り|間違|틀)"
)
_SAYS = (  # at the beginning of what is said of an option, or alone at its end
    rf"(?:(?P<right>[✓✔✅☑]|(?:this\s)?(?:is\s)?(?:the\s)?{_RIGHT}(?!\w))"
    rf"|(?P<wrong>[✗✘❌✖×☒]|(?:this\s)?{_WRONG}(?!\w)))"
)
_SAYS_FIRST = re.compile(rf"\W*?{_SAYS}", re.IGNORECASE)
_SAYS_LAST = re.compile(rf"(?:[-–—:(|,→.]|^|\s(?=[^\w\s]))\s*\W*?{_SAYS}\W*$", re.IGNORECASE)
_TICKED = re.compile(r"[✓✔✅☑]")
_CELLS = re.compile(r"[^|\n]*\|.*\|\s*")
_RULE = re.compile(r"[\s|:-]+")  # under the head of a table
_ASKED = re.compile(
    r"\W*(?:(?:the|my)\s)?(?:(?:final|correct|right|best|chosen|selected)\s)?"
    r"(?:answer|choice|selection|option\schosen|antwort|réponse|respuesta|risposta|resposta|ответ|答案|正解|정답)"
    r"(?:\s\w+)?\W*",
    re.IGNORECASE,
)
SUMS_UP = re.compile(r"(?:all|none|neither|both)\b")  # what an option that sums up begins with
SENTENCES = re.compile(r"(?<!\b[A-Z]\.)(?<=[.!?])[*_)\]]{0,3}\s+|(?<=[。！？])\s*|\n+")
_CONCLUDES = re.compile(
    r"\W*(?:(?:and\s)?(?:so|thus|hence|therefore|consequently|accordingly)\b|in\s(?:conclusion|summary|short)"
    r"|as\sa\sresult|overall|we\s(?:get|have|find|obtain|conclude)|this\s(?:gives|means|yields)|also\b|daher|somit"
    r"|donc|ainsi|por\s(?:lo\s)?tanto|así|quindi|dunque|portanto|logo|следовательно|значит|таким\sобразом|因此|所以"
    r"|故|综上|したがって|よって|따라서|그러므로|لذلك|إذن|∴|⇒)",
    re.IGNORECASE,
)
_COPULA = re.compile(
    r"(?:\b(?:is|are|was|were|be|being|as|ist|war|sind|est|sont|es|son|è|é|sono|são|это|является)|=|≈|是|为|为|は)"
    r"(?:\s(?:to|that|the|a|an|(?:s?he|it|they)|der|die|das|le|la|el|il|lo|o|os|as))*\W*$"
    r"|\b(?:equals|gives|yields|becomes|simplifies\sto|called|namely)(?:\s(?:the|an?))?\W*$",
    re.IGNORECASE,
)
_MARKED = re.compile(r"\W*\(?\w\)?\s?[-–—:]")
_COPULA_WORD = re.compile(
    r"\b(?:is|are|was|were|ist|war|sind|est|sont|es|son|è|é|sono|são)\s(?:to\s|that\s)?"
    r"(?:(?:the|an?|der|die|das|le|la|el|il|lo|o)\s)?|[是为為は]|\s—\s"
)
_BUT = re.compile(r";\s|,?\s\b(?:but|however)\b\s|,\s(?:and\s)?(?:so|thus|hence|therefore)\s")
_WHEREAS = re.compile(r",?\s(?:whereas|while|unlike|in\scontrast)\s")
_GIVEN = re.compile(r"[\s*(]*\w[)*]*,?\s(?:because|since|as)\s")
_POSITION = re.compile(
    r"\b(the\s\w+\s(?:option|choice|answer|one|statement))(?:,[^,.]{1,80},|\s\([^()]{1,80}\))?"
    r"\sis\s(?:therefore\s)?(?:the\s)?(?:correct|right)\b(?!\?)",
    re.IGNORECASE,
)
_MARK = re.compile(r"\s?:\s|\s[-–—]\s")
_BULLET = re.compile(r"(?:\d{1,2}[.)]|[-*•])\s")
_YES_NO = re.compile(
    r"\W*(?:(?:so|thus|hence|therefore),?\s+)?(yes|no|true|false)\s?[,.;:–—]", re.IGNORECASE
)
_HEADING = re.compile(r"[\w\s]{1,40}:\s*")
_ASIDES = re.compile(r"\([^()]{0,80}\)")
LONG = 400  # characters of a sentence


def conclusion(lines: Sequence[Line], options: Options) -> Claim | None:
    """The option that the form of the answer names, weakly."""
    for find in (
        _judged,
        _in_table,
        _only,
        _paired,
        _at_the_end,
        _by_its_text,
        _at_the_start,
    ):
        for claim in find(lines, options):
            return claim
    return None


def _weak(line: Line, place: int, how: str) -> Claim:
    return Claim(line.start, Named(place, how), strong=False, text=line.text)


def _option(text: str, options: Options) -> tuple[int, str] | None:
    """The option that ``text`` names, and how; ``None`` if it names none, or several."""
    found = named(text, options)
    return None if found is None or found.place is None else (found.place, found.how)


def _judged(lines: Sequence[Line], options: Options) -> Iterator[Claim]:
    """The only option that is called right, where the others are called wrong."""
    if len(options.labels) < 3:
        return
    said: dict[int, set[bool]] = {}
    where: dict[int, Line] = {}
    spoken = set()
    for line in lines:
        for place, rest in _remarks(line.text, options):
            spoken.add(place)
            last, first = _SAYS_LAST.search(rest[-LONG:]), _SAYS_FIRST.match(rest)
            verdict = first or last
            if verdict is not None:
                said.setdefault(place, set()).add(verdict["right"] is not None)
                where[place] = line
    ticked = {line.text for line in lines if _TICKED.search(line.text)}
    right = [place for place, verdicts in said.items() if verdicts == {True}]
    alone = len(said) == len(right) == 1 and len(spoken) >= len(options.labels) - 1
    if alone and where[right[0]].text in ticked:  # the others go without a mark
        yield _weak(where[right[0]], right[0], "the only one called right")
    wrong = [place for place, verdicts in said.items() if verdicts == {False}]
    if len(right) == 1 and len(wrong) >= len(options.labels) - 2 and len(said) == len(wrong) + 1:
        yield _weak(where[right[0]], right[0], "the only one called right")


def _remarks(line: str, options: Options) -> Iterator[tuple[int, str]]:
    """(option, what is said of it) of a line of a list, a row of a table, or several in a line."""
    if _CELLS.fullmatch(line):
        line = line.strip().strip("|").strip()
        head, bar, rest = line.partition("|")
        found = beginning(head, options) if bar else None
        if found is not None:
            yield found[0], rest
        return
    marks = list(_patterns(options.labels).inline.finditer(line))
    if len(marks) > 1:
        for number, mark in enumerate(marks):
            stop = marks[number + 1].start() if number + 1 < len(marks) else len(line)
            place = options.index(mark[1])
            if place is not None:
                yield place, line[mark.end() : stop].strip().rstrip(".;,")
        return
    head, *said = _MARK.split(_BULLET.sub("", line, count=1), maxsplit=1)
    by_name = by_text(head, options) if said else None
    if by_name is not None:
        yield by_name, said[0]
        return
    found = beginning(line, options)
    if found is not None:
        place, rest = found
        own = options.texts[place]
        if own and rest.casefold().startswith(plain(own).casefold()):
            rest = rest[len(plain(own)) :]
        yield place, rest


def _in_table(lines: Sequence[Line], options: Options) -> Iterator[Claim]:
    """The cell beside "Answer" in its row, or the only one below it in its column."""
    rows = [
        line for line in lines if _CELLS.fullmatch(line.text) and not _RULE.fullmatch(line.text)
    ]
    cells = [[cell.strip() for cell in row.text.strip().strip("|").split("|")] for row in rows]
    for row, (first, *others) in zip(reversed(rows), reversed(cells), strict=True):
        if _ASKED.fullmatch(first) and others:
            found = _option(others[0], options)
            if found is not None:
                yield _weak(row, found[0], "in a table")
    if len(cells) == 2 and len(cells[0]) == len(cells[1]):
        for head, cell in zip(*cells, strict=True):
            found = _option(cell, options) if _ASKED.fullmatch(head) else None
            if found is not None:
                yield _weak(rows[1], found[0], "in a table")


def _paired(lines: Sequence[Line], options: Options) -> Iterator[Claim]:
    """``… iron (option B), because …``: the only label that stands so behind a text."""
    aside = _patterns(options.labels).aside
    found = [(line, match) for line in lines for match in aside.finditer(line.text)]
    if len(found) != 1 or found[0][0].listed:
        return
    line, match = found[0]
    place = options.index(match["label"])
    before = SENTENCES.split(line.text[: match.start()])[-1]
    if place is None or HEDGED.search(before) or NO.search(before):
        return
    text = own_text(options.texts[place])
    own = bool(text) and plain(before).casefold().endswith(text)
    if match["noun"] or (own and len(lines) == 1):
        yield _weak(line, place, "by its label")


def _at_the_end(lines: Sequence[Line], options: Options) -> Iterator[Claim]:
    """A label behind a comma or arrow, in brackets or alone, with which the last line ends."""
    ends = [_ending(line.text, options) for line in lines]
    if not ends or ends[-1] is None or lines[-1].listed or sum(map(bool, ends[:-1])) > 0:
        return
    line, (label, before) = lines[-1], ends[-1]
    sentence = SENTENCES.split(before)[-1]
    place = options.index(label)
    if place is None:
        return
    if _patterns(options.labels).noun.search(line.text) and not HEDGED.search(sentence):
        if not NO.search(sentence):  # option (I)
            yield _weak(line, place, "by its label")
        return
    if _patterns(options.labels).any.search(sentence):
        return
    told, own = words(sentence.casefold()), options.folded[place]
    if (own and told[len(told) - len(own) :] == own) or not (
        NO.search(sentence) or HEDGED.search(sentence) or len(told) == 1
    ):  # iron (B)
        yield _weak(line, place, "by its label")


def _only(lines: Sequence[Line], options: Options) -> Iterator[Claim]:
    """``Only C satisfies …``, ``The third option is correct``."""
    only = _patterns(options.labels).only
    found = [(line, match) for line in lines for match in only.finditer(line.text)]
    if len({match[1] for _, match in found}) == 1:
        line, match = found[-1]
        place = options.index(match[1])
        if place is not None:
            yield _weak(line, place, "by its label")
    for line in reversed(lines):
        for match in _POSITION.finditer(line.text):
            place = by_position(match[1], options)
            if place is not None:
                yield _weak(line, place, "by its place")


def _ending(line: str, options: Options) -> tuple[str, str] | None:
    line = bare(line[-LONG:])
    match = _patterns(options.labels).last.search(line)
    return (match["one"] or match["other"], line[: match.start()]) if match else None


def _by_its_text(lines: Sequence[Line], options: Options) -> Iterator[Claim]:
    """The option whose text the last sentence comes to, as its end or behind "is"."""
    if not lines or lines[-1].listed or _CELLS.fullmatch(lines[-1].text):
        return
    if len(_patterns(options.labels).inline.findall(lines[-1].text)) > 1:  # a list in one line
        return
    sentences = [one for line in lines for one in SENTENCES.split(line.text) if one.strip()]
    last = sentences[-1].strip() if sentences else ""
    if not last or len(last) > LONG or last.endswith((":", ",", "?", "…", "...")):
        return
    said = own_text(_patterns(options.labels).aside.sub("", last))
    said = _WHEREAS.split(_BUT.split(said)[-1])[0]
    single, full = len(sentences) == 1, last.endswith((".", "!", "。", "*"))
    for place, before, behind in _texts_in(said, options):
        around = f"{before} {behind}"
        if NO.search(around) or HEDGED.search(around) or ONLY_NAMED.search(f"{before}†{behind}"):
            continue
        follows = _CONCLUDES.match(last) or _COPULA.search(before)
        ends = not behind and _COPULA.search(before) and len(_COPULA_WORD.findall(said)) <= 1
        sums_up = SUMS_UP.match(own_text(options.texts[place]))  # rain and snow: all of these
        others = (
            behind if (ends and said.count("=") <= 1) or sums_up else around
        )  # the opposite of copper is iron
        texts = enumerate(map(own_text, options.texts))
        if any(one in others for at, one in texts if len(one) > 1 and at != place):
            continue
        stray = _patterns(options.labels).any.search(_ASIDES.sub("", last[: len(before)]))
        alone = single and not stray and (full or _HEADING.fullmatch(before))
        if alone or (not behind and (follows or not before.strip())):
            yield _weak(lines[-1], place, "by its text")


def _texts_in(said: str, options: Options) -> Iterator[tuple[int, str, str]]:
    """(option, what stands before its text, and behind) at the end, behind "is", or before it."""
    place = ended_by(said, options)
    if place is not None:
        yield place, said[: -len(own_text(options.texts[place]))], ""
    for copula in _COPULA_WORD.finditer(said):
        found = _option(said[copula.end() :], options)
        if found is not None and found[1] == "by its text":
            yield found[0], said[: copula.end()], ""
        place = by_text(said[: copula.start()].rpartition(",")[2], options)
        if place is not None and said[copula.end() - 4 : copula.end()] == "the ":
            yield place, "", said[copula.end() :]


def ended_by(said: str, options: Options) -> int | None:
    """The option with whose text ``said`` ends, if no other has the same."""
    found: dict[str, int] = {}
    for place, text in enumerate(options.texts):
        own = own_text(text)
        unique = options.folded.count(options.folded[place]) == 1
        if own and unique and said.endswith(own):
            edge = said[-len(own) - 1 : -len(own)]
            if not edge or not edge.isalnum() or own[0] > "\u3000":
                found[own] = place
    return found[max(found, key=len)] if found else None


@lru_cache(maxsize=1024)
def own_text(text: str) -> str:
    """``text`` in the spelling in which options are looked for in sentences."""
    return spelled(plain(text)).casefold().strip().rstrip(" .!。")


def _at_the_start(lines: Sequence[Line], options: Options) -> Iterator[Claim]:
    """A marked label with which the first line begins, where no other line begins with one."""
    if lines and (yes := _YES_NO.match(lines[0].text)):
        place = by_text(yes[1], options)
        if place is not None:
            yield _weak(lines[0], place, "by its text")
    for line in (*lines[-1:], *lines[:1]):
        reason = _GIVEN.match(line.text) if not line.listed else None  # B because …
        given = _option(SENTENCES.split(line.text)[0], options) if reason else None
        if given is not None:
            yield _weak(line, *given)
    found = [beginning(line.text, options) for line in lines]
    if not found or found[0] is None or sum(one is not None for one in found) > 1:
        return
    (place, rest), label = found[0], lines[0].text[:12]
    own, pattern = own_text(options.texts[place]), _patterns(options.labels)
    begins = bool(own) and own_text(rest).startswith(own)
    marked = "*" in label or _MARKED.match(label) is not None or begins
    verdict = _SAYS_FIRST.match(rest)
    wrong = verdict is not None and verdict["wrong"] is not None
    others = (pattern.listed if begins else pattern.any).search(rest) is not None
    if begins and (other := pattern.inline.search(rest)):  # (A) copper (B) iron
        others = others or options.index(other[1]) == place + 1
    said = rest[len(own) :] if begins else rest
    doubt = NO.search(SENTENCES.split(rest)[0]) or HEDGED.search(said[: LONG // 10])
    if marked and not (lines[0].listed or wrong or others or doubt):
        yield _weak(lines[0], place, "by its label")


class _Patterns(NamedTuple):
    any: re.Pattern[str]  # a label that stands alone
    listed: re.Pattern[str]  # a label as lists have it
    last: re.Pattern[str]  # a label with which a line ends: groups "one" and "other"
    noun: re.Pattern[str]  # a noun and a label in brackets with which a line ends
    aside: re.Pattern[str]  # a label in brackets
    only: re.Pattern[str]  # a label behind "only"
    inline: re.Pattern[str]  # a label before what is said of it, in a line


@lru_cache(maxsize=64)
def _patterns(labels: tuple[str, ...]) -> _Patterns:
    label = label_pattern(labels)
    noun = rf"(?:(?i:{NOUN})\s)?"
    arrow = r"(?:[;,:.!?]\s|\s?(?:[→⇒⟹⟶]|[=-]>|\\(?:to|rightarrow|Rightarrow|implies))\s?)"
    return _Patterns(
        any=any_of(labels),
        listed=re.compile(rf"(?<![(\w]){label}[).:]\s"),
        last=re.compile(
            rf"(?:[(\[]\s*{noun}(?P<one>{label})\s*[)\]]|{arrow}[\s*$]*{noun}(?P<other>{label}))"
            r"[\s*$.!]*$"
        ),
        noun=re.compile(rf"(?i:{NOUN})\s[(\[*]{{1,3}}{label}[)\]*]{{1,3}}\W*$"),
        aside=re.compile(rf"[(\[]\s*(?P<noun>(?i:{NOUN})\s)?(?P<label>{label})\s*[)\]]"),
        only=re.compile(
            rf"(?i:(?<!not\s)\bonly)\s{noun}[(\[*]*({label})[)\]*]*\s"
            r"(?=(?:satisf|work|fit|remain|must|can\s|match|gives|holds|has\s|meets|is\s(?!wrong|incorrect|not|false))"
            r"(?![^.\n]*\?))"
        ),
        inline=re.compile(rf"(?<!\w)\(({label})\)(?=\s)"),
    )
