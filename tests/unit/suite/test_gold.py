from datetime import date
from decimal import Decimal

import pytest

from smallscale_ci.suite.gold import Choices, GoldError, accepted, base_of, choices, named
from smallscale_ci.suite.option_columns import options_in


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("7", ("7",)),
        (" 7 ", (" 7 ",)),  # texts stay as they are: problems' ids are made of them
        (7, ("7",)),
        (27.0, ("27",)),
        (0.5, ("0.5",)),
        (1e-7, ("0.0000001",)),
        (1e22, ("10000000000000000000000",)),
        (Decimal("27.00"), ("27",)),
        (Decimal("2.50"), ("2.50",)),
        (b"\xe2\x82\xac5", ("€5",)),
        (date(2024, 5, 1), ("2024-05-01",)),
        (["4", "four"], ("4", "four")),
        ([4, "four", None], ("4", "four")),
        (["4", "4"], ("4",)),
        ("['4', 'four']", ("4", "four")),
        ('["4", "four"]', ("4", "four")),
        ("['4' 'four']", ("4", "four")),  # numpy's way
        ("('4', 'four')", ("4", "four")),
        ("['it\\'s', \"four\"]", ("it's", "four")),
        (r"['\frac{1}{2}', '\pi']", (r"\frac{1}{2}", r"\pi")),
        (r"['\\frac{1}{2}']", (r"\frac{1}{2}",)),
        ("[0, 1]", ("[0, 1]",)),  # an interval
        ("(1, 2)", ("(1, 2)",)),
        ("3+4=<<3+4=7>>7\n#### 7", ("7",)),
        ("so\n#### 1,234\n", ("1,234",)),
        (r"We get $x=\boxed{\frac{1}{2}}$.", (r"\frac{1}{2}",)),
        (r"\boxed{1}, no: $\boxed{2}$", ("2",)),
        (r"\boxed{1} and $\boxed{2}$", ("1, 2",)),
        (["so #### 7", r"\boxed{8}"], ("7", "8")),
        (None, ()),
        ("", ()),
        ("  ", ()),
        ([], ()),
        ([None], ()),
        (float("nan"), ()),
    ],
)
def test_accepted(value, expected):
    assert accepted(value) == expected


@pytest.mark.parametrize(
    "value", [True, {"a": 1}, [["1"], ["2"]], b"\xff", float("inf"), object(), [{"a": 1}], 1j]
)
def test_what_is_no_answer_is_refused(value):
    with pytest.raises(GoldError, match="has a gold"):
        accepted(value)


@pytest.mark.parametrize(
    ("value", "texts", "labels"),
    [
        (["x", "y"], "xy", ""),
        ([3, 4.0, 5.5], ("3", "4", "5.5"), ""),
        ('["x", "y"]', "xy", ""),
        ("['x', 'y']", "xy", ""),
        ("A. x\nB. y", "xy", "AB"),
        (["A) x", "B) y"], "xy", "AB"),
        (["A. Smith", "C. Jones"], ("A. Smith", "C. Jones"), ""),
        ({"text": ["x", "y"], "label": ["1", "2"]}, "xy", "12"),
        ({"A": "x", "B": "y"}, "xy", "AB"),
        ({"A": "x", "B": "y", "E": None}, "xy", "AB"),
        ([{"key": "A", "value": "x"}, {"key": "B", "value": "y"}], "xy", "AB"),
        (None, "", ""),
    ],
)
def test_choices(value, texts, labels):
    assert choices(value) == Choices(tuple(texts), tuple(labels))


@pytest.mark.parametrize("value", [5, "x", ["x", ["y"]], ["x", " "], {"first": "x"}, ["x", None]])
def test_what_are_no_choices_is_refused(value):
    with pytest.raises(GoldError, match="choices"):
        choices(value)


def test_columns_of_options():
    assert options_in({"choices": ["x", "y"], "options": ["z"]}) == ["x", "y"]
    assert options_in({"options": {"A": "x"}}) == {"A": "x"}
    assert options_in({"A": "x", "B": "y", "answer": "A"}) == ["x", "y"]
    assert options_in({"opa": "x", "opb": "y", "cop": 0}) == ["x", "y"]
    assert options_in({"option1": "x", "option2": "y", "answer": "2"}) == ["x", "y"]
    assert options_in({"choice1": "x", "choice2": "y", "choice3": None}) == ["x", "y"]
    assert options_in({"endings": ["x", "y"], "label": "1"}) == ["x", "y"]
    assert options_in({"option1": "x"}) is None
    assert options_in({"choices": None, "A": "x"}) is None


NUMBERS = Choices(("2", "3", "4", "5"))
WORDS = Choices(("x", "y", "z"))


def test_text_goes_before_position():
    assert named(["4"], NUMBERS) == ("4",)
    assert named(["y", "B", "(C)"], WORDS) == ("y", "B", "(C)")


def test_a_label_with_the_text_it_labels_is_that_option():
    assert named(["B. y", "(C) z", "A: x"], WORDS) == ("B", "C", "A")
    assert named(["B. z"], WORDS) == ("B. z",)  # they contradict each other
    assert named(["2) y"], Choices(("x", "y"), ("1", "2"))) == ("B",)


def test_positions_need_a_base():
    assert named(["0", "2"], WORDS, 0) == ("A", "C")
    assert named(["1", "3"], WORDS, 1) == ("A", "C")
    assert named(["2.0"], WORDS, 1) == ("B",)
    assert named(["3"], NUMBERS, 0) == ("D",)  # declared: it is a position
    with pytest.raises(GoldError, match="gold_index"):
        named(["1"], WORDS)
    for base, place in ((0, "3"), (0, "-1"), (1, "0"), (1, "4")):
        with pytest.raises(GoldError, match="beyond its 3 choices"):
            named([place], WORDS, base)


def test_a_position_is_named_so_that_no_other_option_can_be_meant():
    assert named(["0"], Choices(("AB", "A", "B")), 0) == ("AB",)


def test_labels_of_the_data_are_declared():
    options = Choices(("x", "y"), ("1", "2"))
    assert named(["2"], options) == ("B",)
    assert named(["y"], options) == ("y",)


def test_a_column_of_numbers_is_read_as_a_whole():
    assert base_of([(("1",), WORDS), (("0",), WORDS)]) == 0
    assert base_of([(("1",), WORDS), (("3",), WORDS)]) == 1
    assert base_of([(("1",), WORDS), (("2",), WORDS)]) is None
    assert base_of([(("4",), NUMBERS), (("2",), NUMBERS)]) is None  # texts
    assert base_of([(("2",), NUMBERS), (("0",), NUMBERS)]) == 0  # not all are texts: positions
    assert base_of([(("B",), WORDS), (("7",), Choices())]) is None


@pytest.mark.parametrize(
    ("value", "hint"),
    [(True, "Yes or No"), ({"label": "B"}, "--columns"), ([["A"], ["B"]], "any of which")],
)
def test_a_gold_that_is_not_an_answer_says_what_to_do(value: object, hint: str) -> None:
    with pytest.raises(GoldError) as error:
        accepted(value)
    assert hint in error.value.hint


def test_a_number_without_a_base_says_which_option_to_pass() -> None:
    with pytest.raises(GoldError) as error:
        named(("2",), Choices(("red", "green", "blue")))
    assert error.value.hint == "Pass --gold-index 0 or --gold-index 1."
