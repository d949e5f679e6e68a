"""Where a training runs, and on which GPUs."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import replayed

from smallscale_ci.config.settings import Settings
from smallscale_ci.config.train import TrainRecipe
from smallscale_ci.errors import ContainerError, EngineError, UsageError
from smallscale_ci.train.launch import LocalRunner, Runner
from smallscale_ci.train.runner import Wanted, runner_for, visible_gpus

RECIPE = TrainRecipe(name="r", objective="lcpo", learning_rate=2e-5, steps=8)
PYTHON = Path(sys.executable)
NO_ENGINE = {"DOCKER_HOST": "unix:///none/docker.sock"}


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    return replace(replayed.settings(tmp_path), environment=NO_ENGINE)


def chosen(wanted: Wanted, settings: Settings, said: list[str] | None = None) -> Runner:
    say = (said if said is not None else []).append
    return runner_for(RECIPE, wanted, settings, run_id="r", say=say)


@pytest.mark.parametrize(
    ("variable", "gpus"),
    [
        ("", ()),
        ("1, 5", ("1", "5")),
        ("GPU-8932f937", ("GPU-8932f937",)),
        ("MIG-GPU-8932f937/1/0", ("MIG-GPU-8932f937/1/0",)),
        # CUDA sees no device from the first that is none on: "-1" is how people hide all of them.
        ("-1", ()),
        ("0,2,-1,1", ("0", "2")),
        ("NoDevFiles", ()),
        ("none", ()),
    ],
)
def test_the_gpus_are_those_that_cuda_would_see(variable: str, gpus: tuple[str, ...]) -> None:
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": variable}) == gpus


def test_a_place_has_a_rank_for_each_gpu_and_one_without(tmp_path: Path) -> None:
    def place(wanted: Wanted, gpus: str = "") -> tuple[int, int, bool]:
        found = wanted.place(tmp_path, tmp_path, tmp_path, {"CUDA_VISIBLE_DEVICES": gpus})
        return found.ranks, found.nodes, found.gpu

    assert place(Wanted(), "0,1,2") == (3, 1, True)
    assert place(Wanted(gpus=()), "0,1,2") == (1, 1, False)
    assert place(Wanted(ranks=2)) == (2, 1, False)
    assert place(Wanted(gpus=("3",), torchrun=("--nnodes=2",))) == (1, 2, True)


def test_more_ranks_than_gpus_are_refused(here: Settings) -> None:
    with pytest.raises(UsageError, match="3 ranks need as many GPUs, and there are 2") as caught:
        chosen(Wanted(gpus=("0", "1"), ranks=3), here)
    assert "--ranks" in caught.value.hint


def test_containers_do_not_span_machines(here: Settings) -> None:
    wanted = Wanted(runtime="docker", gpus=(), torchrun=("--nnodes=2",))
    with pytest.raises(UsageError, match="Containers have no network"):
        chosen(wanted, here)


def test_a_container_that_was_asked_for_is_never_replaced(here: Settings) -> None:
    with pytest.raises(ContainerError, match="No container engine answers"):
        chosen(Wanted(runtime="docker", gpus=(), python=PYTHON), here)


def test_with_gpus_and_no_engine_it_trains_locally_and_says_why(here: Settings) -> None:
    said: list[str] = []
    python = here.environments / RECIPE.environment / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(PYTHON)
    found = chosen(Wanted(gpus=("0", "1", "2"), ranks=2), here, said)
    assert isinstance(found, LocalRunner)
    assert found.python == str(python)
    assert found.place(Path(), Path(), Path()).ranks == 2
    assert len(said) == 1
    assert said[0].startswith("runtime: local (No container engine answers")


def test_a_python_that_is_named_is_used_without_asking_an_engine(here: Settings) -> None:
    said: list[str] = []
    assert chosen(Wanted(gpus=("0",), python=PYTHON), here, said).python == str(PYTHON)
    assert said == []


def test_without_an_environment_the_remedy_is_the_command_that_makes_it(here: Settings) -> None:
    with pytest.raises(EngineError, match="does not exist") as caught:
        chosen(Wanted(gpus=()), here)
    assert "engine install train-cpu" in caught.value.hint
