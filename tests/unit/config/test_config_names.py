"""Words that a file may use because a table lists them."""

from typing import Annotated

import pytest
from pydantic import TypeAdapter, ValidationError

from smallscale_ci.config.names import OneOf

TABLE = {"math": 1, "code": 2}
READ = TypeAdapter(Annotated[str, OneOf.of("auto", table=TABLE)])


def test_the_words_are_those_given_then_those_of_the_table():
    assert OneOf.of("auto", table=TABLE).names == ("auto", "math", "code")
    assert [READ.validate_python(word) for word in ("auto", "code")] == ["auto", "code"]


@pytest.mark.parametrize("word", ["Math", "", "maths", 1, None])
def test_another_word_is_refused_with_those_that_are_known(word):
    with pytest.raises(ValidationError, match="'auto', 'math' or 'code'"):
        READ.validate_python(word)


def test_the_schema_lists_them():
    assert READ.json_schema()["enum"] == ["auto", "math", "code"]
