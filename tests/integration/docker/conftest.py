"""What tests of runs in containers share: a place with a stored run; nothing is left after each."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import boxes, replayed

from smallscale_ci.containers import spec
from smallscale_ci.containers.interface import Engine


@pytest.fixture(scope="module")
def engine() -> Engine:
    return boxes.engine()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> Path:
    place = tmp_path_factory.mktemp("boxed")
    replayed.make_configs(place, boxes.SAMPLES)
    replayed.make_run(place, "src", epochs=1)
    boxes.write_lock(place, tiny=boxes.base_entry(engine))
    boxes.write_profile(place)
    return place


@pytest.fixture(scope="module")
def undisturbed(place: Path) -> list[tuple[str, int, str, tuple[int, ...]]]:
    return replayed.answers(place / "stored" / "src")


@pytest.fixture(autouse=True)
def _nothing_is_left(engine: Engine) -> Iterator[None]:
    before = boxes.volumes()
    yield
    left = boxes.ours(engine)
    for container in engine.labelled(**{spec.RUN: None}):
        engine.remove(container.id)
    assert left == []
    assert boxes.volumes() == before
