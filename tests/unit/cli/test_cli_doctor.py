"""``doctor``: a line for each finding, and what to do about it."""

from smallscale_ci.cli.doctor import _rows
from smallscale_ci.doctor.machine import Finding, State


def test_a_remedy_follows_its_finding_and_digests_are_short():
    digest = "sha256:" + "0123456789ab" + "c" * 52
    rows = _rows(
        [
            Finding("image vllm", State.BAD, f"not {digest}", "Pull it."),
            Finding("Python", State.OK, "3.11"),
        ]
    )
    assert rows == [
        ("bad", "image vllm", "not 0123456789ab"),
        ("", "", "→ Pull it."),
        ("ok", "Python", "3.11"),
    ]


def test_what_is_optional_is_called_so():
    assert _rows([Finding("engine", State.MISSING, "none")], "optional")[0][0] == "optional"
