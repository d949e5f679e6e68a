"""Where an answer says which option it means.

A claim is strong where it can only be the answer ("the answer is …", "… is the correct answer", a
last line that is a label), weak where it may be about one option among others ("option B is
correct"). The last strong claim counts; without one, weak claims count where they agree.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from functools import lru_cache
from html import unescape
from typing import Any

from smallscale_ci.judges.conclusions import conclusion, ended_by
from smallscale_ci.judges.lines import (
    NO,
    Claim,
    Line,
    any_of,
    label_pattern,
    lines_of,
    says_no_more,
    with_its_text,
)
from smallscale_ci.judges.mentions import mention
from smallscale_ci.judges.names import by_number, by_position, in_full
from smallscale_ci.judges.options import (
    Named,
    Options,
    by_text,
    named,
    plain,
    set_against,
)
from smallscale_ci.judges.phrases import ANSWER, LEADS, NOUN, STRONG, WEAK
from smallscale_ci.judges.spelling import LONGEST, composed

_ENDS = re.compile(
    r"""[.!?](?=[\s*"'”’)\]]|$) | [。;।۔](?=.|$) | \n | \\boxed | </ | \[/ | \]\]
      | (?<=\w)["'](?=\s*[,}\]])
      | ,?\s(?:because|since|where|when|hence|therefore|meaning|i\.e)\b
      | ,\s(?:so|as|which|that\ is)\b | (?<=[A-Z]),(?=[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7a3])
    """,
    re.IGNORECASE | re.VERBOSE,
)
_MARKUP = re.compile(r"</?(?:b|strong|i|em|u|p|br|div|span|font)\b[^<>\n]{0,80}>")
_SKIPPED = re.compile(r"(?:[\s*_\"“”'‘’「『«【`:=>、,]|[-–—](?=[\s*]))*")  # but no minus
# What makes the words before a claim no claim: a condition, a question, a negation.
_DOUBT = re.compile(
    r"(?:\b(?:many|some|most|few|people|they|others|one|students|you)\s(?:(?:people|students|of|them|might|may|would"
    r"|could)\s){0,3}(?:think|say|believe|claim|argue|expect|assume|guess)"
    r"|\b(?:if|whether|suppose|supposing|assume|assuming|unless|wenn|falls|ob|si|se|если|not|nicht"
    r"|pas|no|non|não|не|possible|(?:might|may|could)\s(?:think|believe|say))"
    r"|(?:\bnot|n['’]t)(?:\s(?:think|believe|say|conclude))?"
    r"|(?:\bnot|n['’]t|\bunclear|\bdoubt)\b[^.\n]{0,30}\b(?:that|if|whether)"
    r"|如果|假如|若|もし|만약|إذا\sكانت)"
    r"(?:\s(?:that|the|die|la|l['’]|a|il|option|choice|answer|correct))*[\s*\"'“(]*$",
    re.IGNORECASE,
)
_WRONG = re.compile(  # answers, as the words before or behind them say
    r"(?:\b(?:wrong|incorrect|false|other|remaining|eliminated|falsche[nr]?|mauvaises?|fausses?"
    r"|неправильн\w{2,3}|неверн\w{2,3})|错误的?|不正确的?|不对的|間違った|誤った|틀린|잘못된)\s?$",
    re.IGNORECASE,
)
_MISTAKEN = re.compile(r"wrong|incorrect|mistake|error|misconception|distractor", re.IGNORECASE)
_WRONG_BEHIND = re.compile(
    r"^\W*\w+\s(?:incorrectas?|incorrectes?|incorretas?|fausses?|erróneas?|sbagliat[ae]|errat[ae]"
    r"|erradas?|خاطئة|الخاطئة|خاطئ|الخاطئ)\b",
    re.IGNORECASE,
)
_RELATIVE = re.compile(r"\s(?:qui|que|che|that|which|as)\s", re.IGNORECASE)  # C qui convient
_NO_AFTER = re.compile(
    r"\W*\w\s*(?:ではな|じゃな|ではあり|(?:가|이|번이)\s?(?:아니|아닙|아님|아냐))"
)
_FORWARD = re.compile("|".join(f"(?:{one})" for one in ANSWER), re.IGNORECASE)
_SAYS = re.compile(
    "|".join((*STRONG, r"\sis\sthe\s(?:correct|right)\s\w+(?=[\s.,:])")), re.IGNORECASE
)
_CLAUSE = re.compile(r"[.!?\n:;,]\s*|\b(?:so|thus|hence|therefore|that)\b,?\s*", re.IGNORECASE)
_SUBJUNCTIVE = re.compile(r"\b(?:would|wäre|würde|serait|sería|sarebbe|seria)\b", re.IGNORECASE)
_IF = re.compile(r"\b(?:if|were|had|unless|wenn|falls|si|se)\b", re.IGNORECASE)
_SENTENCE = re.compile(r"[.!?\n]\s*")
_CORRECTED = re.compile(
    r"\b(?:wait|hmm|actually|correction|scratch\sthat|on\s(?:second\sthought|reflection)|I\swas\swrong|mistake"
    r"|let\sme\s(?:reconsider|correct|re-?check))\b|(?:^|[.!\n]\s*)no\b",
    re.IGNORECASE,
)
_BOLD = re.compile(r"(?<![\w_])__(?=[^\W_])|(?<=[^\W_])__(?![\w_])")
_ASIDE = re.compile(r"\s\([^()]{1,80}\)\.?$")
_NUMBERED = re.compile(r"(?:option\s)?\d{1,2}\s?[).:]\s+", re.IGNORECASE)
_COUNTED = re.compile(r"\W*(?:option|choice|number)\s(?:number\s|no\.\s|#)?(\d)\W*", re.IGNORECASE)
_LABEL_LENGTH = 4
_HEAD, _TAIL, _BLOCK = 1_000, 20_000, 400  # characters: of the text that is looked at; at a time
_MOST = 50  # places of a block that are looked at, from its end
_QUOTES = " \t*_\"'“”[]<>"
_WHERE = 200  # characters before a claim that may cast doubt on it


def claim(text: str, options: Options) -> Claim | None:
    """The claim that counts. Of a long text the beginning and the end are looked at."""
    text = _normal(text)
    lines = lines_of(text, options)
    listed = {line.start for line in lines if line.listed}
    alone = list(_alone(lines, options))
    weak: list[Claim] = []
    for start, stop in _blocks(text):
        found = [*_forward(text, start, stop, options, listed)]
        found += [*_leads(text, start, stop, options), *_backward(text, start, stop, options)]
        found += _subjects(text, start, stop, options)
        found += [one for one in alone if start <= one.start < stop]
        strong = [one for one in found if one.strong]
        if strong:
            last = max(strong, key=lambda one: one.start)
            return _taken_back(text, last, [*weak, *found]) or last
        weak += found
    if len({one.named.place for one in weak}) == 1:
        return weak[0]
    return conclusion(lines, options) or mention(lines, options)


def _taken_back(text: str, last: Claim, weak: Sequence[Claim]) -> Claim | None:
    """What is said after a claim that is corrected: "The answer is C. No, wait, so it's B."."""
    later = [one for one in weak if one.start > last.start and not one.strong]
    if len({one.named.place for one in later}) != 1:
        return None
    return later[0] if _CORRECTED.search(text, last.start, later[0].start) else None


def lone_line(text: str, options: Options) -> Claim | None:
    """A first or last line that is a label, or begins with one (the rule "letter")."""
    lines = lines_of(_normal(text), options)
    for line in [*lines[-1:], *lines[:1]]:
        if line.place is not None and not line.listed:
            return Claim(line.start, Named(line.place, "by its label"), strong=True, text=line.text)
    return None


def _normal(text: str) -> str:
    """The beginning and end of a text, letters of full width as usual ones, without HTML."""
    if len(text) > _HEAD + _TAIL:
        text = f"{text[:_HEAD]}\n…\n{text[-_TAIL:]}"
    return composed(_BOLD.sub("**", _MARKUP.sub("", unescape(text))))


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """(start, end) of parts that end with a line or sentence, the last first."""
    stop = len(text)
    while stop > 0:
        edge = max(0, stop - _BLOCK)
        start = max(text.rfind("\n", 0, edge), text.rfind(". ", 0, edge)) + 1
        yield start, stop
        stop = start


def _last(pattern: re.Pattern[str], text: str, start: int, stop: int) -> Sequence[re.Match[str]]:
    """The last matches that begin in a block; they may go on into the next."""
    found = pattern.finditer(text, max(0, start - 1), min(len(text), stop + _BLOCK))
    return deque((one for one in found if start - 1 <= one.start() < stop), _MOST)


def _forward(
    text: str, start: int, stop: int, options: Options, listed: set[int]
) -> Iterator[Claim]:
    """What follows "the answer is", from the last on; the first that names an option ends it."""
    for mark in reversed(_last(_FORWARD, text, start, stop)):
        before = text[max(0, mark.start() - _WHERE) : mark.start()]
        says = mark.group()
        denied = says.casefold().endswith(("n't", "n’t"))  # the answer isn't A but B
        if (NO.search(says) and not denied) or _DOUBT.search(before) or _supposed(before, says):
            continue
        if _WRONG.search(before) or _WRONG_BEHIND.match(says):
            continue
        skipped = _SKIPPED.match(text, mark.end(), mark.end() + _WHERE)
        place = skipped.end() if skipped else mark.end()
        if text.rfind("\n", 0, place) + 1 in listed:
            continue
        end = _ENDS.search(text, place, place + 3 * _WHERE)
        stops = end.start() if end else place + 3 * _WHERE
        if mark.group().endswith("["):  # a list in JSON: all of it
            stops = max(stops, text.find("]", place, place + _WHERE))
        phrase = text[place:stops].strip(_QUOTES)
        if not phrase or (end and end.group() == "?") or _NO_AFTER.match(phrase):
            continue
        if denied:
            found = named(f"not {phrase}", options)
        else:
            found = named(phrase, options) or _rest_of_line(text, place, options)
            if found is None and (own := with_its_text(phrase, options)) is not None:
                found = Named(own, "by its label")  # c) iron
        if found is not None:
            yield Claim(place, found, strong=True, text=phrase)
            return


def _supposed(before: str, says: str) -> bool:
    """Whether ``the answer would be`` depends on an "if" before it in its sentence."""
    return bool(_SUBJUNCTIVE.search(says) and _IF.search(_SENTENCE.split(before)[-1]))


def _rest_of_line(text: str, place: int, options: Options) -> Named | None:
    """An option's text that goes on behind the end of a sentence."""
    at = by_text(text[place : place + LONGEST].partition("\n")[0], options)
    return None if at is None else Named(at, "by its text")


def _leads(text: str, start: int, stop: int, options: Options) -> Iterator[Claim]:
    for mark in _last(LEADS, text, start, stop):
        before = text[max(0, mark.start() - _WHERE) : mark.start()]
        if mark.group()[0].isalpha() and _DOUBT.search(before):  # no es la opción C
            continue
        if _MISTAKEN.search(mark.group()):
            continue
        end = _ENDS.search(text, mark.end(), mark.end() + _WHERE)
        phrase = text[mark.end() : end.start() if end else mark.end() + _WHERE]
        lone = plain(_RELATIVE.split(phrase, maxsplit=1)[0])
        asked = end is not None and end.group() == "?"
        own = by_text(phrase, options) is not None  # Hence iron.
        if not mark.group().strip().endswith("leaves"):  # (C) cut up leaves (D) use a glass
            own = own or with_its_text(phrase, options) is not None  # Hence B) iron.
        own = own or set_against(plain(phrase), options) is not None  # it's iron, not copper
        short = len(lone) <= _LABEL_LENGTH or own
        if short and not asked:
            found = named(lone, options) or named(phrase, options)
            if found is not None and found.place is not None:
                yield Claim(mark.end(), found, strong=False, text=phrase)


def _backward(text: str, start: int, stop: int, options: Options) -> Iterator[Claim]:
    """Labels of which is said that they are the correct answer."""
    several, marked, bare = _behind(options.labels)
    for match in _last(several, text, start, stop):
        found = Named(None, "several options")
        yield Claim(match.start(), found, strong=False, text=match.group())
    for head, tail in (marked, bare):
        for label in _last(head, text, start, stop):
            said = tail.match(text, label.end())
            place = options.index(label["label"])
            if said is None or place is None or text[said.end() : said.end() + 1] == "?":
                continue
            says = text[max(said.end("text"), said.start()) : said.end()].strip().casefold()
            if says in options.texts[place].casefold():
                continue  # it is the option's own text
            if said["text"] and any_of(options.labels).search(said["text"]):
                continue
            if _DOUBT.search(text[max(0, label.start() - _WHERE) : label.start("label")]):
                continue
            found = Named(place, "by its label")
            yield Claim(
                label.start(), found, bool(said["strong"]), text[label.start() : said.end()]
            )


def _subjects(text: str, start: int, stop: int, options: Options) -> Iterator[Claim]:
    """Texts of options of which is said that they are the correct answer."""
    for match in _last(_SAYS, text, start, stop):
        before = text[max(0, match.start() - _WHERE) : match.start()]
        subject = _CLAUSE.split(before)[-1].strip(_QUOTES)
        place = by_text(subject, options) if subject else None
        if subject.casefold() == "which":  # … ended in 1945, which is the correct answer
            clause = _SENTENCE.split(before)[-1].removesuffix(subject).rstrip(", ")
            place = None if NO.search(clause) else ended_by(clause.casefold(), options)
        place = by_position(subject, options) if place is None else place
        if place is not None:
            yield Claim(match.start(), Named(place, "by its text"), strong=True, text=subject)


def _alone(lines: Sequence[Line], options: Options) -> Iterator[Claim]:
    """The last line where it is a label, an option, or its text; the first, weakly."""
    for number in {0, len(lines) - 1} if lines else ():
        line = lines[number]
        if line.listed or len(line.text) > 2 * _WHERE:
            continue
        place, how = line.place, "by its label"
        whole = place is not None and says_no_more(line.text, options, place)
        if place is None:
            own = _ASIDE.sub("", _NUMBERED.sub("", plain(line.text), count=1))
            place, how = by_text(own, options), "by its text"
            place = with_its_text(line.text, options) if place is None else place
            if place is None and len(lines) == 1:
                place = in_full(own, options)  # Pacific Ocean
            if place is None and (number_of := _COUNTED.fullmatch(line.text)):
                place = by_number(number_of[1], options)
            whole = place is not None
        if place is not None:
            last = number == len(lines) - 1
            yield Claim(line.start, Named(place, how), strong=last and whole, text=line.text)


@lru_cache(maxsize=64)
def _behind(labels: tuple[str, ...]) -> tuple[Any, ...]:
    """Patterns of labels before what is said of them: of several; heads and tails of single ones.

    A bare letter begins its clause; behind "option" or in brackets it may be anywhere.
    """
    label = label_pattern(labels)
    one = rf"(?P<label>{label})(?![A-Za-zА-Яа-я\d_'’])"
    says = rf"(?i:(?P<strong>{'|'.join(STRONG)})|{'|'.join(WEAK)})"
    clause = (
        r"(?:(?:^|[\n.!?:,;。、–—]|[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7a3]|\b(?i:so|that|thus|then|hence"
        r"|only|therefore|but|and|because|clearly|believe|think|conclude|say|ist|es|est|sondern|sino|mais)\s)[\s*]{0,4}(?:(?:la|die|a|La|Die|A)\s)?)"
    )
    several = re.compile(
        rf"(?i:both|options?|choices?|answers?)\s+{label}(?:\s*(?:,|and|&)\s*{label}){{1,10}}"
        r"\s(?i:are\s(?:both\s)?(?:the\s)?(?:correct|right))"
    )
    marked = (
        re.compile(rf"(?:(?i:{NOUN})s?\W{{0,4}}|[(\[*\"「『]{{1,3}}){one}"),
        re.compile(
            rf"[)\]*\"」』]{{0,3}}(?P<text>\s?[(,:.\"“–—-]\s?[^.\n?]{{0,80}}?[),\"”]?)?[)*]{{0,3}}{says}"
        ),
    )
    bare = (
        re.compile(rf"{clause}{one}"),
        re.compile(rf"(?P<text>[.):]\*{{0,2}}\s[^.\n?]{{0,80}}?)?\*{{0,2}}{says}"),
    )
    return several, marked, bare
