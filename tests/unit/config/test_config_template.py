"""Template variables as files may write them."""

import pytest
from pydantic import TypeAdapter, ValidationError

from smallscale_ci.config.template import SYSTEM, TemplateVariables

READ = TypeAdapter(TemplateVariables)


def test_values_that_a_template_can_tell_apart_are_kept():
    given = {"enable_thinking": False, "reasoning_effort": "low", "budget": 512, SYSTEM: None}
    assert READ.validate_python(given) == given


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"enable_thinking": "false"}, "treats every string as true"),
        ({"enable_thinking": " True "}, "treats every string as true"),
        ({SYSTEM: 3}, "a string"),
        ({"a-b": 1}, "pattern"),
        ({"a": float("nan")}, "finite"),
        ({"a": [1]}, "valid"),
    ],
)
def test_what_a_template_would_take_for_something_else_is_refused(given, said):
    with pytest.raises(ValidationError, match=said):
        READ.validate_python(given)
