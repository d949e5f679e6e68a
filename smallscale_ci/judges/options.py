"""The options of a multiple-choice question, and which of them a short text names."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property

from smallscale_ci.judges.names import by_number, by_position, by_surname, in_full, in_plural
from smallscale_ci.judges.spelling import LONGEST, bare, composed, contains, words
from smallscale_ci.records import Problem

LATIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# Labels that exams print, each with its order; digits are the other kind. ① counts as 1.
_ALPHABETS = (
    LATIN,
    "АБВГДЕЖЗИК",
    "أبجدهوزحطي",
    "甲乙丙丁戊己庚",
    "가나다라마바사",
    "アイウエオカキ",
    "ΑΒΓΔΕ",
)
_LABELS = "A-Za-zА-К" + "".join(_ALPHABETS[2:])
_OPTION_LINE = re.compile(
    rf"^[ \t]*(?:[-*•][ \t]+)?\*{{0,2}}(?:[(\[]?([{_LABELS}]|\d{{1,2}})"
    r"(?:[.):\]、．]\*{0,2}[ \t]*|[ \t]+[-–—][ \t]+)|([①-⑳])[ \t]*)(\S.*)$",
    re.MULTILINE,
)
# Cyrillic and Greek letters that look like Latin ones, and mostly are typed for them.
_LOOKALIKES = str.maketrans("АВСЕΑΒΕ", "ABCEABE")
_NOUN = (
    r"(?:options?|choices?|answers?|letter|lettre|opción|opcion|opzione|opção|opcao|alternativa|letra"
    r"|respuesta|risposta|resposta|réponse|proposition|antwort|buchstabe|вариант|ответ"
    r"|选项|選項|選択肢|선택지|보기|옵션|الخيار)"
)
_LEAD = re.compile(
    rf"^(?:(?:the|la|l['’]|le|die|der|el|il|a|o|η|το)\s*)?(?:correct\s+|right\s+)?(?:answer\s)?{_NOUN}\s*"
    r"(?:number\s*)?(?:(?:is|are)\b\s*)?:?\s*",
    re.IGNORECASE,
)
_ARTICLE = re.compile(r"^(?:la|le|el|il|die|a|o|η|το)\s+(?=\(?[A-ZΑ-Ε]\)?\W*$)")  # la B
_INSTEAD = re.compile(r",? (?:and )?not \W?[A-Z]\W{0,2}$")
# One option and not another: "not A but C", "C rather than A".
_NOT_BUT = re.compile(
    r"(?:not|nicht|pas|no|non|não|не|不是)\s*(?P<other>\S.{0,200}?),?\s*"
    r"(?:\b(?:but(?:\srather)?|sondern|mais|sino|ma|mas|а)\s|而是)\s*(?P<meant>\S.*)",
    re.IGNORECASE | re.DOTALL,
)
_RATHER = re.compile(
    r"(?P<meant>\S.{0,200}?),?\s*(?:\b(?:(?:and|und|et|y|e|и|а)\s)?(?:not|rather\sthan|instead\sof"
    r"|as\sopposed\sto|nicht|statt|anstatt|non(?:\spas)?|pas|plutôt\sque|au\slieu\sde|no|en\slugar\sde"
    r"|en\svez\sde|anziché|invece\sdi|não|em\svez\sde|не|вместо|وليس)\s|而不是|而非)\s*(?P<other>\S.*)",
    re.IGNORECASE | re.DOTALL,
)
_COPULA = re.compile(
    r"\s*(?:번)?\s*(?:です|である|だ|となります|になります|입니다|이다|이에요|예요|번|है|हैं|ہے|است)[\s.。।۔!]*$"
    r"|(?:['’]|\s(?:şık|seçene)\w*)[dt][ıiuü]r[\s.]*$"  # A'dır
)
_NOUN_BEHIND = re.compile(
    r"^(\(?[A-Z]\)?)\s*(?:option|choice|选项|選項|项|項)[\s.。!]*$", re.IGNORECASE
)
_LONE = re.compile(rf"[(\[]?\s*([{_LABELS}]|\d{{1,2}})\s*[)\]]?\s*[.:,;!。।۔]?")
_MARK = r"(?:[).:,;。、]|\s?[-–—](?=\s)|\s?\()"
_LABELLED = re.compile(
    rf"(?:[(\[]\s*([{_LABELS}]|\d{{1,2}})\s*[)\]]|([{_LABELS.replace('a-z', '')}]|\d{{1,2}})\s?"
    rf"{_MARK})\s*(\S.*)",
    re.DOTALL,
)
_GLUED = re.compile(r"([A-Z])(?=[^\W\dA-Za-z_])(.*)", re.DOTALL)  # B입니다, B正确
_SPACED = re.compile(r"([A-Z]|\d{1,2})\s+(\S.*)", re.DOTALL)
_GOES_ON = re.compile(
    r"(?:because|since|then|here|as|and|which|is|was|given|due|for|with|so|weil|da|denn|car|parce|porque"
    r"|perché|poiché|pois|так|потому|omdat|want|eftersom|fordi|ponieważ|çünkü|karena|vì|qui|que|che|die|richtig|korrekt|zutreffend|correct)\b",
    re.IGNORECASE,
)
_SEVERAL = re.compile(
    r"(?:both\s+|either\s+)?[(\[]?[A-Z][)\]]?(?:\s*(?:,|and|or|&|/|und|oder|et|ou|y|o|e|och|og|en|i|ve|và|dan|и|和|と)\s*"
    r"[(\[]?[A-Z][)\]]?)+\.?"
)
_NEGATED = re.compile(
    r"\W*(?:(?:is|are)\s+)?(?:not|wrong|incorrect|false|n['’]t|nicht|falsch|pas|no|non|não|не"
    r"|错|不|ではな|じゃな|가 아니|이 아니|غير|ليس)",
    re.IGNORECASE,
)
_PLAUSIBLE = 10


@dataclass(frozen=True)
class Options:
    """The options of a question: labels as they are printed, and texts."""

    labels: tuple[str, ...]
    texts: tuple[str, ...]

    def index(self, label: str) -> int | None:
        """Which option ``label`` names: a label as printed, or a letter for its place."""
        label = unicodedata.normalize("NFKC", label).upper()
        if label in self.labels:
            return self.labels.index(label)
        if self.labels[0] == "A":
            label = label.translate(_LOOKALIKES)
            for alphabet in _ALPHABETS[1:]:
                if label in alphabet:  # Б, ب or 乙 for B
                    label = LATIN[alphabet.index(label)]
            return self.labels.index(label) if label in self.labels else None
        place = LATIN.find(label) if len(label) == 1 and self.labels[0].isdigit() else -1
        return place if 0 <= place < len(self.labels) else None

    @cached_property
    def words(self) -> tuple[tuple[str, ...], ...]:
        """The words of each text, up to articles and punctuation."""
        return tuple(map(words, self.texts))

    @cached_property
    def folded(self) -> tuple[tuple[str, ...], ...]:
        """The same without case."""
        return tuple(words(text.casefold()) for text in self.texts)

    @cached_property
    def stems(self) -> tuple[tuple[str, ...], ...]:
        """``folded`` without what all of them begin and end with: a unit, ``x =``, "vitamin"."""
        texts, fewest = self.folded, min(map(len, self.folded))
        same = [len({text[at] for text in texts}) == 1 for at in range(fewest - 1)]
        head = next((at for at, one in enumerate(same) if not one), len(same))
        same = [len({text[-at] for text in texts}) == 1 for at in range(1, fewest - head)]
        tail = next((at for at, one in enumerate(same) if not one), len(same))
        return tuple(text[head : len(text) - tail] for text in texts)


@dataclass(frozen=True, slots=True)
class Named:
    """What a text names: the place of one option, or ``None`` for none or several of them."""

    place: int | None
    how: str


def options_of(problem: Problem) -> Options:
    """The options of ``problem``: its ``choices``, or the lines ``A. …`` of its question.

    Of several runs of such lines in the question the last counts. With no options in sight the
    letters A to J are taken as labels without text.
    """
    if problem.choices:
        return Options(tuple(LATIN[: len(problem.choices)]), problem.choices)
    run: list[tuple[str, str]] = []
    for printed, circled, text in _OPTION_LINE.findall(problem.question):
        label = printed.upper() or unicodedata.normalize("NFKC", circled)
        if run and label == next_label(run[-1][0]):
            run.append((label, text.strip()))
        elif label == "1" or any(label == alphabet[0] for alphabet in _ALPHABETS):
            run = [(label, text.strip())]
    if len(run) < 2:
        return Options(tuple(LATIN[:10]), ("",) * 10)
    return Options(tuple(label for label, _ in run), tuple(text for _, text in run))


def has_options(question: str) -> bool:
    """Whether the options are lines of ``question``."""
    return bool(options_of(Problem("", "", question, "")).texts[0])


def next_label(label: str) -> str:
    """The label that follows, empty if there is none."""
    if label.isdigit():
        return str(int(label) + 1)
    for alphabet in _ALPHABETS:
        if 0 <= (place := alphabet.find(label)) < len(alphabet) - 1:
            return alphabet[place + 1]
    return ""


def named(text: str, options: Options) -> Named | None:
    """The option that ``text``, a short answer, names; ``None`` if it names none.

    A capital before other words is a label only where these are the option's own text, or where
    they go on with the sentence ("B because …"): the answer "A planet" names no option A.
    """
    contrast = set_against(plain(text), options) if by_text(text, options) is None else None
    return contrast or _named_alone(text, options)


def _named_alone(text: str, options: Options) -> Named | None:
    short = plain(text)
    exact = by_text(text, options)
    if not short or (exact is None and _NEGATED.match(short)):
        return None
    if lone := _LONE.fullmatch(short):
        place = options.index(lone[1])
        if place is None and exact is None:
            place = by_number(lone[1], options)
        if place is not None:
            return Named(place, "by its label")
    if exact is not None:
        return Named(exact, "by its text")
    if lone and lone[1].isalpha():
        is_label = lone[1] in LATIN[:_PLAUSIBLE]  # X is a placeholder
        return Named(None, f"{lone[1]} is none of the options") if is_label else None
    labels = _several(short, options)
    if labels:
        # All of them together are the question's own list, and no answer.
        every = len(options.labels) > 2 and labels == set(options.labels)
        return None if every else Named(None, "several options")
    return (
        _labelled(short, options)
        or _leading_text(short, options)
        or _by_another_name(short, options)
    )


def set_against(short: str, options: Options) -> Named | None:
    """The option that is set against another: both sides name one, and not the same."""
    for pattern in (_NOT_BUT, _RATHER):
        if match := pattern.fullmatch(short):
            meant, other = (_named_alone(match[side], options) for side in ("meant", "other"))
            if meant and other and None not in (meant.place, other.place):
                return meant if meant.place != other.place else None
    return None


def by_text(text: str, options: Options) -> int | None:
    """The only option whose text is ``text``, up to articles and punctuation, and up to case.

    Case matters where it tells options apart (alleles ``Rr`` and ``RR``).
    """
    for wanted, known in (
        (words(text), options.words),
        (words(text.casefold()), options.folded),
    ):
        if wanted and known.count(wanted) == 1:
            return known.index(wanted)
    stem = words(text.casefold())
    told_apart = len(stem) > 0 and (
        len(stem[0]) > 1 or stem[0].isdecimal() or options.index(stem[0]) is None
    )
    return options.stems.index(stem) if told_apart and options.stems.count(stem) == 1 else None


def plain(text: str) -> str:
    """``text`` without LaTeX wrappers, emphasis, a leading "option" and a trailing "is it"."""
    text = bare(composed(text[:LONGEST])).strip().strip("'‘’_<>")
    text = _ARTICLE.sub("", _LEAD.sub("", _COPULA.sub("", text)))
    text = _NOUN_BEHIND.sub(r"\1", text)
    return _INSTEAD.sub("", text).strip().strip("'‘’").strip()


def _several(short: str, options: Options) -> set[str]:
    """The labels that ``short`` lists, if it is nothing but a list of labels."""
    together = short.isupper() and len(short) > 1 and set(short) <= set(options.labels)
    if not together and not _SEVERAL.fullmatch(short):
        return set()
    return set(re.findall("[A-Z]", short))


def _labelled(short: str, options: Options) -> Named | None:
    if match := _LABELLED.match(short):
        label, rest = match[1] or match[2], match[3]
    elif match := _GLUED.match(short):
        label, rest = match[1], match[2]
    elif match := _SPACED.match(short):
        label, rest = match[1], match[2]
        place = options.index(label)
        own = place is not None and _begins(rest, options, place)
        if not own and (label in ("A", "I") or not _GOES_ON.match(rest)):
            return None
    else:
        return None
    place = options.index(label)
    if place is None or (_NEGATED.match(rest) and not _begins(rest, options, place)):
        return None
    return Named(place, "by its label")


def _leading_text(short: str, options: Options) -> Named | None:
    """``Paris, the capital of France``: an option's text, then a comma or the like."""
    found = [
        place
        for place, text in enumerate(options.texts)
        if text and re.match(rf"{re.escape(plain(text))}\s?(?:[,;:(–—-]|\()", short, re.IGNORECASE)
    ]
    longest = max(found, key=lambda place: len(options.texts[place]), default=None)
    if longest is None:
        return None
    rest = words(short[len(options.texts[longest]) :].casefold())
    others = [text for place, text in enumerate(options.folded) if place != longest]
    if any(text and contains(rest, text) for text in others):
        return None
    return Named(longest, "by its text")


def _by_another_name(short: str, options: Options) -> Named | None:
    """``the third option``, a name in full, or an option's text in the plural."""
    if (at := by_position(short, options)) is not None:
        return Named(at, "by its place")
    at = in_full(short, options)
    at = by_surname(short, options) if at is None else at
    at = in_plural(short, options) if at is None else at
    return None if at is None else Named(at, "by its text")


def _begins(text: str, options: Options, place: int) -> bool:
    """Whether ``text`` begins with the option's own text, in brackets or not."""
    own, found = options.folded[place], words(text.casefold().lstrip("("))
    return bool(own) and found[: len(own)] == own
