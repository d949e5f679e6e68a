import tarfile
from pathlib import Path

import pytest

from smallscale_ci.containers import recipe
from smallscale_ci.errors import UsageError

ROOT = Path(__file__).resolve().parents[3]


def names(**more: object) -> set[str]:
    with (
        recipe.context(ROOT, "vllm-cpu.Dockerfile", **more) as stream,
        tarfile.open(fileobj=stream) as archive,
    ):
        return set(archive.getnames())


def test_a_build_sees_the_locks_and_what_it_was_given(tmp_path):
    plain = names()
    assert {"docker/vllm-cpu.Dockerfile", "requirements/engine-vllm-cpu.txt"} <= plain
    assert not any(name.startswith(("smallscale_ci", "tests", ".git")) for name in plain)
    for name in ("bundle.crt", "a-1-py3-none-any.whl"):
        (tmp_path / name).write_text("x")
    wheels = [tmp_path / "a-1-py3-none-any.whl"]
    more = names(ca=tmp_path / "bundle.crt", wheels=wheels)
    assert more - plain == {"docker/extra/ca.pem", "docker/extra/a-1-py3-none-any.whl"}


def test_two_machines_make_the_same_context():
    def content() -> bytes:
        with recipe.context(ROOT, "sandbox.Dockerfile") as stream:
            return stream.read()

    assert content() == content()


def test_what_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="There is no"):
        recipe.context(tmp_path, "vllm-cpu.Dockerfile")
    with pytest.raises(UsageError, match="cannot be read"):
        recipe.context(ROOT, "vllm-cpu.Dockerfile", ca=tmp_path / "none.pem")
