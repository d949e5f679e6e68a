"""What the ``source`` of a task names."""

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallscale_ci.errors import DataError
from smallscale_ci.suite import source


def test_what_sources_name(tmp_path: Path) -> None:
    toolkit = source.parse("toolkit:math/math-500", tmp_path)
    assert isinstance(toolkit, source.Remote)
    assert toolkit.path == PurePosixPath("data/test/math/math-500/test_math-500.parquet")
    assert toolkit.url == f"{source.TOOLKIT}/{source.TOOLKIT_COMMIT}/{toolkit.path}"
    hub = source.parse("hf:org/da.ta@0fe84c/sub/a.jsonl", tmp_path)
    assert hub == source.Hub("org/da.ta", "0fe84c", PurePosixPath("sub/a.jsonl"))
    assert source.parse("hf:org/data/a.csv", tmp_path) == source.Hub(
        "org/data", None, PurePosixPath("a.csv")
    )
    remote = source.parse("https://host/x/a%20b.csv?token=1", tmp_path)
    assert isinstance(remote, source.Remote)
    assert remote.path == PurePosixPath("a b.csv")
    assert source.parse("sub/a.csv", tmp_path) == tmp_path / "sub" / "a.csv"
    for wrong in ("toolkit:gsm8k", "toolkit:../x", "hf:org", "package:smok.parquet"):
        with pytest.raises(DataError) as caught:
            source.parse(wrong, tmp_path)
        assert caught.value.hint


@pytest.mark.parametrize(
    ("named", "revision", "path"),
    [
        # The parquet files that the hub makes of every data set, and files of pull requests.
        (
            "refs/convert/parquet/main/test/0000.parquet",
            "refs/convert/parquet",
            "main/test/0000.parquet",
        ),
        ("refs/pr/12/test.jsonl", "refs/pr/12", "test.jsonl"),
        ("v1.0/data/test.jsonl", "v1.0", "data/test.jsonl"),
        ("main/test.csv", "main", "test.csv"),
    ],
)
def test_revisions_of_the_hub_may_have_slashes(named: str, revision: str, path: str) -> None:
    found = source.parse(f"hf:org/data@{named}", Path())
    assert found == source.Hub("org/data", revision, PurePosixPath(path))


def test_what_is_pulled_is_not_looked_for_beside_the_suite(tmp_path: Path) -> None:
    shipped = "package:smoke-mcq.parquet"
    for named in (
        "toolkit:math/gsm8k",
        "hf:org/data/a.csv",
        "https://host/a.csv",
        "http://h/a.csv",
    ):
        assert source.is_pulled(named)
        assert not isinstance(source.parse(named, tmp_path), Path)
    for named in (shipped, "a.csv", "../data/a.csv", "/abs/a.csv"):
        assert not source.is_pulled(named)
        assert isinstance(source.parse(named, tmp_path), Path)
    assert source.parse("/abs/a.csv", tmp_path) == Path("/abs/a.csv")
    assert source.parse(shipped, tmp_path).is_file()


def test_a_shipped_file_that_is_misspelt_gets_its_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"did you mean 'smoke-math\.parquet'") as caught:
        source.parse("package:smok-math.parquet", tmp_path)
    assert "smoke-mcq.parquet" in caught.value.hint


@settings(max_examples=25)
@given(st.text(max_size=40))
def test_no_text_is_taken_for_a_file_outside_the_package(text: str) -> None:
    try:
        found = source.parse(f"package:{text}", Path())
    except DataError:
        return
    assert found.parent == source.SHIPPED


def test_a_file_in_one_s_home_is_there_and_not_beside_the_suite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert source.parse("~/data/a.jsonl", tmp_path) == Path("/home/me/data/a.jsonl")
    assert source.parse("~data/a.jsonl", tmp_path) == tmp_path / "~data" / "a.jsonl"
