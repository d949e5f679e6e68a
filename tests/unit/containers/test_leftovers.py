import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from smallscale_ci.config.settings import Settings
from smallscale_ci.containers import connect, spec
from smallscale_ci.containers.leftovers import is_left, owner
from smallscale_ci.doctor import examine
from smallscale_ci.errors import ContainerError

NOW = 1_000_000.0


def test_a_container_of_a_process_that_lives_is_not_left():
    assert not is_left(owner(NOW, 60), NOW)


def test_its_time_is_over():
    assert is_left(owner(NOW, 60), NOW + 61)


def test_its_process_ended():
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                           capture_output=True, text=True, check=True)  # fmt: skip
    assert is_left({**owner(NOW, 60), spec.PROCESS: ended.stdout.strip()}, NOW)


def test_its_process_number_is_another_s_now():
    assert is_left({**owner(NOW, 60), spec.BORN: "1"}, NOW)


def test_another_machine_s_are_left_alone_until_their_time_is_over():
    far = {**owner(NOW, 60), spec.HOST: "elsewhere", spec.PROCESS: "1"}
    assert not is_left(far, NOW)
    assert is_left(far, NOW + 61)


def test_those_of_another_pid_namespace_are_left_alone_although_the_host_has_the_same_name():
    mine = owner(NOW, 60)
    inside = {**mine, spec.HOST: mine[spec.HOST].replace("pid:[", "pid:[1"), spec.PROCESS: "999999"}
    assert inside != mine
    assert not is_left(inside, NOW)


def test_where_no_engine_was_installed_nothing_is_left(monkeypatch):
    here = Settings(
        (),
        *(Path("x"),) * 4,
        environment={},
        now=lambda: datetime(2026, 1, 31, tzinfo=UTC),
        nonce=lambda: "ab12",
    )
    monkeypatch.setattr(connect, "Path", lambda path: Path("/none") / Path(path).name)
    assert examine.clean(here) == []
    stopped = replace(here, environment={"DOCKER_HOST": "unix:///none/docker.sock"})
    with pytest.raises(ContainerError, match="No container engine answers"):
        examine.clean(stopped)
