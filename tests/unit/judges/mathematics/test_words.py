import pytest

from smallscale_ci.judges.mathematics.normal import clean
from smallscale_ci.judges.mathematics.reader import read
from smallscale_ci.judges.mathematics.words import in_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("12", "the quantity 12"),
        ("50\\%", "the quantity 50%"),
        (r"\{1, 2\}", "a set of 2: 1; 2"),
        ("x = 3", "a relation: x = 3"),
        ("1:2", "a ratio: 1 : 2"),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", "a matrix of 2 rows: 1, 2 | 3, 4"),
        (r"\text{blue whale}", "the words “blue whale”"),
    ],
)
def test_what_was_read_is_said_in_words(text, words):
    assert in_words(read(clean(text))) == words
