"""Numbers, places and names in full for an option."""

from __future__ import annotations

import pytest

from smallscale_ci.judges.names import by_number, by_surname, in_full
from smallscale_ci.judges.options import Options

POETS = Options(tuple("ABCD"), ("Goethe", "Schiller", "Heine", "Rilke"))
PLACES = Options(tuple("ABCD"), ("Atlantic", "Pacific", "York", "Virginia"))


@pytest.mark.parametrize(
    ("text", "options", "place"),
    [
        ("Friedrich Schiller", POETS, 1),
        ("Johann Wolfgang von Goethe.", POETS, 0),
        ("the Atlantic Ocean", PLACES, 0),
        ("New York", PLACES, None),
        ("West Virginia", PLACES, None),
        ("Goethe and Schiller", POETS, None),
        ("Not Heine", POETS, None),
        ("a poem by Heine", POETS, None),
    ],
)
def test_a_name_in_full(text: str, options: Options, place: int | None) -> None:
    assert in_full(text, options) == place


def test_an_adjective_makes_another_thing() -> None:
    languages = Options(tuple("AB"), ("Arabic", "Turkish"))
    assert in_full("Egyptian Arabic", languages) is None


@pytest.mark.parametrize("number", ["0", "5", "x", "²"])
def test_no_number_of_an_option(number: str) -> None:
    assert by_number(number, POETS) is None


def test_options_are_counted_where_nothing_else_can_be_meant() -> None:
    assert by_number("3", POETS) == 2
    assert by_number("3", Options(tuple("ABC"), ("two", "three", "many"))) is None
    assert by_number("2", Options(tuple("ABC"), ("I only", "II only", "I and II"))) is None
    assert by_number("2", Options(tuple("AB"), ("", ""))) is None


def test_a_surname_stands_for_its_name() -> None:
    people = Options(tuple("ABC"), ("Emmy Noether", "Sofia Kowalewskaja", "Emil Artin"))
    assert by_surname("Noether", people) == 0
    assert by_surname("Emmy", people) is None
    places = Options(tuple("ABC"), ("New Orleans", "Salt Lake City", "El Paso"))
    assert by_surname("Orleans", places) is None
    assert by_surname("City", Options(tuple("AB"), ("Mexico City", "Kuwait City"))) is None
