"""Chinese, Japanese and Korean words behind numbers: units in English, large numbers, counters."""

from __future__ import annotations

import re

from smallscale_ci.judges.mathematics.numerals import CHINESE, number_in_words

_UNITS = {
    "meter": "米 公尺 メートル 미터", "centimeter": "厘米 公分 センチメートル センチ 센티미터",
    "millimeter": "毫米 ミリメートル ミリ 밀리미터", "kilometer": "千米 公里 キロメートル 킬로미터",
    "gram": "克 グラム 그램", "kilogram": "千克 公斤 キログラム 킬로그램", "tonne": "吨 噸 トン 톤",
    "second": "秒 秒钟 秒鐘 초", "minute": "分 分钟 分鐘 分間 분", "day": "天 日 日間 일",
    "hour": "小时 小時 时 時 時間 시간", "week": "周 週 星期 週間 주", "liter": "升 リットル 리터",
    "milliliter": "毫升 ミリリットル 밀리리터", "degree": "度 도", "yuan": "元 人民币 块 块钱",
    "yen": "円 日元", "won": "원 韩元", "dollar": "美元 ドル 달러", "euro": "欧元 ユーロ 유로",
    "percent": "百分 パーセント 퍼센트 프로",
}  # fmt: skip
_ENGLISH = {word: unit for unit, words in _UNITS.items() for word in words.split()}
_POWERS = {"平方": "square", "立方": "cubic", "제곱": "square", "세제곱": "cubic"}
_LARGE = {"百": 2, "千": 3, "万": 4, "萬": 4, "億": 8, "亿": 8, "천": 3, "만": 4, "억": 8}
_SCRIPT = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORD = "|".join(sorted(_ENGLISH, key=len, reverse=True))
_UNIT = re.compile(rf"(平方|立方|제곱|세제곱)?({_WORD})")
_BEHIND = re.compile(
    rf"(?<=[\d}})%])\s*((?:[{''.join(_LARGE)}]{{1,2}}(?![米克瓦升미]))?)\s*"
    rf"([{_SCRIPT}]{{0,20}}(?:/[{_SCRIPT}]{{1,10}})?)$"
)
_COUNTED = re.compile(rf"([{CHINESE}]{{1,12}})(?=(?:{_WORD}|[个個人本只枚名位条張张種种次])$)")
_BEFORE = re.compile(
    rf"^(?:约|約|共|大约|一共|总共|合计|約)?[{_SCRIPT}]{{0,6}}[:：为為は]?\s*(?=[-+\d$\\¥￥])"
)

_SAID = re.compile(
    rf"^[{_SCRIPT}]{{1,10}}(?:[:为為是は]|等于|等於|[은는])\s*(?=[a-zA-Z\\(\[{{⦃|√])"
)
_COPULA = re.compile(r"(?<=[\w)\]}}⦄])\s*(?:です|である|となる|になる|입니다|이다|이에요|예요|。)$")


def in_english(text: str) -> str:
    """``12元`` as ``12 "yuan"``; counters, as in ``5个``, are left out."""
    if text.isascii():
        return text
    text = _COPULA.sub("", _SAID.sub("", _BEFORE.sub("", text)))
    if counted := _COUNTED.match(text):
        text = f"{number_in_words(counted[1])}{text[counted.end() :]}"
    match = _BEHIND.search(text)
    if match is None or not match[0]:
        return text
    number = text[: match.start()]
    zeros = sum(_LARGE[character] for character in match[1])
    number += f"*10^{{{zeros}}}" if zeros else ""
    units = [_unit(part) for part in match[2].split("/")]
    if not all(units):
        return number
    return f'{number} "{"/".join(unit for unit in units if unit)}"'


def _unit(word: str) -> str | None:
    match = _UNIT.fullmatch(word)
    if match is None:
        return None
    return f"{_POWERS[match[1]]} {_ENGLISH[match[2]]}" if match[1] else _ENGLISH[match[2]]
