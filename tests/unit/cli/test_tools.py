"""Options for reading another tool's files."""

import pytest

from smallscale_ci.cli.tools import Read, wanted
from smallscale_ci.errors import UsageError


def test_columns_are_ours_and_the_file_s():
    found = wanted(" gold = answer ,text=output, ,")
    assert found.columns == {"gold": "answer", "text": "output"}
    assert wanted("text=a=b").columns == {"text": "a=b"}  # a name may hold the sign


@pytest.mark.parametrize("columns", ["gold", "=x", "gold=", "gold:answer"])
def test_what_is_not_a_column_is_refused(columns):
    with pytest.raises(UsageError, match="not of the form NAME=COLUMN") as caught:
        wanted(columns)
    assert "--columns gold=answer" in caught.value.hint


def test_a_column_is_named_once():
    with pytest.raises(UsageError, match="names 'gold' twice"):
        wanted("gold=a,gold=b")


def test_texts_are_read_where_they_are_judged_and_verdicts_where_they_count():
    judged, counted = wanted(), Read(metric="acc", kept="strict").wanted()
    assert (judged.texts, judged.verdicts) == (True, False)
    assert (counted.texts, counted.verdicts) == (False, True)
    assert (counted.metric, counted.filter) == ("acc", "strict")
    assert Read().wanted(verdicts=False).texts
    assert wanted(gold_index=1).gold_index == 1
