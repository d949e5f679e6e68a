"""Chooses where a training runs: in a container or in an environment on this machine."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from smallscale_ci.config.seams import AUTO
from smallscale_ci.config.settings import Settings
from smallscale_ci.config.train import TrainRecipe
from smallscale_ci.containers import images
from smallscale_ci.errors import ContainerError, EngineError, UsageError
from smallscale_ci.generate.runtimes import DOCKER, provide
from smallscale_ci.train.launch import LocalRunner, Runner, nodes_of
from smallscale_ci.train.llamafactory import Place

_GPU = re.compile(r"\d|GPU-|MIG-|nvidia\.com/")  # a number, an id, or a CDI name


@dataclass(frozen=True, slots=True)
class Wanted:
    """The user's choice of where to train; ``None`` leaves it open."""

    runtime: str | None = None  # auto, local or docker
    ranks: int | None = None  # on this node
    gpus: tuple[str, ...] | None = None  # empty: none of them
    python: Path | None = None
    torchrun: tuple[str, ...] = ()  # torchrun's own options: --nnodes, --rdzv-endpoint, …

    def place(self, model: Path, pairs: Path, out: Path, environment: Mapping[str, str]) -> Place:
        """The place in which a training would run, whether or not its environment is here."""
        gpus = self.gpus if self.gpus is not None else visible_gpus(environment)
        return Place(
            model=str(model),
            pairs=str(pairs),
            out=str(out),
            ranks=self.ranks or max(1, len(gpus)),
            nodes=nodes_of(self.torchrun),
            gpu=bool(gpus),
        )


def runner_for(
    recipe: TrainRecipe,
    wanted: Wanted,
    settings: Settings,
    *,
    run_id: str,
    say: Callable[[str], None],
) -> Runner:
    """The runner of the training: a container, or the recipe's environment.

    By default it is a container if GPUs, a container engine and the image are here.
    Raises ``UsageError``, ``EngineError`` without an environment, and ``ContainerError`` where
    docker was requested.
    """
    gpus = wanted.gpus if wanted.gpus is not None else visible_gpus(settings.environment)
    ranks = wanted.ranks or max(1, len(gpus))
    if gpus and ranks > len(gpus):
        raise UsageError(
            f"{ranks} ranks need as many GPUs, and there are {len(gpus)}.",
            "Lower --ranks, or name more with --gpus.",
        )
    gpus, nodes = gpus[:ranks], nodes_of(wanted.torchrun)
    runtime = wanted.runtime or AUTO
    if runtime == DOCKER and nodes > 1:
        raise UsageError(
            "Containers have no network, so a training over several nodes cannot run in them.",
            "Use --runtime local on each node, in the training image if you like.",
        )
    if runtime == DOCKER or (runtime == AUTO and gpus and nodes == 1 and wanted.python is None):
        try:
            return _docker(recipe, settings, run_id, ranks, gpus, say)
        except (ContainerError, UsageError) as error:
            if runtime == DOCKER:
                raise
            say(f"runtime: local ({error.message.rstrip('.')})")
    python = wanted.python or settings.environments / recipe.environment / "bin" / "python"
    if not python.exists():
        raise EngineError(
            f"The training environment's Python {python} does not exist.",
            "Make it with `smallscale engine install train-cpu`, or name a Python that has "
            "LLaMA-Factory with --train-python.",
        )
    return LocalRunner(python, settings.environment, ranks=ranks, nodes=nodes, gpus=gpus)


def visible_gpus(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Ids of this machine's GPUs, or of those that CUDA_VISIBLE_DEVICES allows.

    As for CUDA, the list ends at the first that is no GPU: "-1" hides all of them.
    """
    chosen = environment.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        named = (part.strip() for part in chosen.split(","))
        return tuple(itertools.takewhile(_GPU.match, filter(None, named)))
    devices = Path("/dev").glob("nvidia[0-9]*")
    numbers = (path.name.removeprefix("nvidia") for path in devices)
    return tuple(sorted((number for number in numbers if number.isdecimal()), key=int))


def _docker(
    recipe: TrainRecipe,
    settings: Settings,
    run_id: str,
    ranks: int,
    gpus: tuple[str, ...],
    say: Callable[[str], None],
) -> Runner:
    from smallscale_ci.containers.connect import connect
    from smallscale_ci.train.container import DockerRunner

    engine = connect(settings.environment)
    name = recipe.container.image or ("train" if gpus else "train-cpu")
    image = images.pinned(images.read(settings.images), name)
    image = provide(engine, image, say)
    described = engine, image, recipe.container
    return DockerRunner(*described, run_id=run_id, ranks=ranks, gpus=gpus, now=settings.now)
