"""Chinese, Japanese and Korean words behind numbers."""

import pytest

from smallscale_ci.judges.mathematics.cjk import in_english


@pytest.mark.parametrize(
    ("text", "english"),
    [
        ("12元", '12 "yuan"'),
        ("3.5千克", '3.5 "kilogram"'), ("60千米/小时", '60 "kilometer/hour"'),
        ("20平方米", '20 "square meter"'), ("5立方厘米", '5 "cubic centimeter"'),
        ("100円", '100 "yen"'), ("30분", '30 "minute"'), ("45度", '45 "degree"'),
        ("5个", "5"), ("8人", "8"), ("3万", "3*10^{4}"), ("2億円", '2*10^{8} "yen"'),
        ("约12元", '12 "yuan"'), ("十二元", '12 "yuan"'), ("x等于5", "x等于5"), ("答案是x", "x"),
        ("12です", "12"), ("42입니다", "42"), ("12。", "12"),
        ("12 apples", "12 apples"), ("北京", "北京"), ("5未知词", "5"),
    ],
)  # fmt: skip
def test_units_are_english_and_counters_are_left_out(text: str, english: str) -> None:
    assert in_english(text) == english
