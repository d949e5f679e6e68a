"""What is found out before a training starts, without a training environment."""

import json
import sys
from pathlib import Path

import pytest
from helpers import training as shared

from smallscale_ci.checkpoint.model import Checkpoint
from smallscale_ci.config import load
from smallscale_ci.config.train import TrainRecipe
from smallscale_ci.errors import DataError, EngineError, UsageError
from smallscale_ci.files import write_json
from smallscale_ci.pairs import record as pairs_record
from smallscale_ci.run.manifest import Status
from smallscale_ci.train import record
from smallscale_ci.train.launch import LocalRunner
from smallscale_ci.train.llamafactory import Place
from smallscale_ci.train.preflight import Answer
from smallscale_ci.train.prepare import RECIPE, TrainPlan, plan, resumed_recipe
from smallscale_ci.train.record import MANIFEST, PairsUsed, TrainRecord
from smallscale_ci.worker.train.entry import mark_whole

LCPO = TrainRecipe(name="r", objective="lcpo", learning_rate=2e-5, steps=8)


class World:
    """A parent, pairs, and a training that was started on them, as its folder shows it."""

    def __init__(self, place: Path) -> None:
        model = place / "model"
        model.mkdir()
        (model / "config.json").write_text(
            json.dumps({"num_hidden_layers": 1, "hidden_size": 8, "vocab_size": 9})
        )
        self.parent = Checkpoint("m", model, str(model), *"abcd")
        self.pairs, self.out = shared.write_pairs(place / "pairs"), place / "out"

    def begin(self, *, status: str = "running", ranks: int = 1, nodes: int = 1) -> None:
        """What the first node, or an earlier session, leaves in the folder."""
        (self.out / "checkpoints").mkdir(parents=True)
        (self.out / RECIPE).write_text(load.dump(LCPO))
        made = TrainRecord(
            status=Status(status),
            parent=Checkpoint("smollm2", self.parent.path, "smollm2", *"abcd"),
            pairs=PairsUsed(str(self.pairs), sha256=pairs_record.read(self.pairs).sha256),
            recipe=LCPO.model_dump(mode="json"),
            world=record.World(ranks, nodes),
        )
        write_json(self.out / MANIFEST, made)

    def save(self) -> None:
        """A whole checkpoint."""
        path = self.out / "checkpoints" / "checkpoint-4"
        path.mkdir()
        mark_whole(path)

    def plan(
        self, *, ranks: int = 1, nodes: int = 1, resume: bool = False, recipe: TrainRecipe = LCPO
    ) -> TrainPlan:
        place = Place("m", str(self.pairs), str(self.out), ranks=ranks, nodes=nodes)
        return plan(recipe, self.parent, self.pairs, self.out, None, resume=resume, place=place)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_node_joins_the_training_that_another_has_begun(world: World) -> None:
    world.begin(nodes=2)
    assert world.plan(nodes=2).began
    with pytest.raises(UsageError, match="The recipe changed"):
        world.plan(nodes=2, recipe=LCPO.model_copy(update={"steps": 9}))
    with pytest.raises(UsageError, match="is not empty"):
        world.plan(nodes=1)


def test_a_training_that_ended_is_joined_by_no_node(world: World) -> None:
    world.begin(nodes=2, status="complete")
    with pytest.raises(UsageError, match="is not empty"):
        world.plan(nodes=2)


def test_what_a_training_leaves_that_never_began_is_no_obstacle(world: World) -> None:
    (world.out / "settings").mkdir(parents=True)
    for name in (RECIPE, ".lock", f".{RECIPE}.123"):
        (world.out / name).write_text("")
    assert not world.plan().began
    (world.out / "precious").write_text("")
    with pytest.raises(UsageError, match="is not empty"):
        world.plan()


def test_the_parts_of_a_deepspeed_checkpoint_are_for_as_many_ranks(world: World) -> None:
    world.begin(status="failed", ranks=2)
    assert resumed_recipe(world.out)[3] == 2
    assert world.plan(resume=True).resumes is None
    world.save()
    assert world.plan(resume=True, ranks=2).resumes.name == "checkpoint-4"
    for ranks in (1, 4):
        with pytest.raises(UsageError, match="saved by 2 ranks") as told:
            world.plan(resume=True, ranks=ranks)
        assert "2 ranks" in told.value.hint
    plain = LCPO.model_copy(update={"deepspeed": "none"})
    manifest = json.loads((world.out / MANIFEST).read_text())
    (world.out / MANIFEST).write_text(
        json.dumps({**manifest, "recipe": plain.model_dump(mode="json")})
    )
    assert world.plan(resume=True, ranks=1, recipe=plain).resumes is not None


def test_pairs_that_would_be_cut_are_counted_also_where_nobody_can_be_asked(world: World) -> None:
    short = LCPO.model_copy(update={"cutoff_len": 61})  # the longest pair needs 62 tokens
    with pytest.raises(DataError, match="16 are longer than 61 tokens"):
        world.plan(recipe=short)
    found = world.plan(recipe=short.model_copy(update={"max_cut": 1.0})).screening
    assert (found.malformed, found.cut, found.longest) == (0, 16, 62)
    assert world.plan().screening.cut == 0
    # What is not trained on cannot be cut.
    found = world.plan(recipe=short.model_copy(update={"objective": "sft"})).screening
    assert (found.cut, found.longest) == (0, 34)


def test_an_environment_without_gpus_is_told_as_that_and_not_as_a_faulty_recipe(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = "Your setup doesn't support bf16/gpu."  # LLaMA-Factory of a recipe for GPUs
    answer = Answer(versions={}, gpus=0, unknown={}, invalid=refused)
    monkeypatch.setattr("smallscale_ci.train.prepare.ask", lambda *_: answer)
    runner = LocalRunner(Path(sys.executable), {}, ranks=1, nodes=1, gpus=("0",))
    with pytest.raises(EngineError, match="does not see a GPU") as told:
        plan(LCPO, world.parent, world.pairs, world.out, runner)
    assert "--train-python" in told.value.hint


def test_the_parent_is_called_as_before_by_whatever_path_it_was_found(world: World) -> None:
    world.begin(status="failed")
    found = world.plan(resume=True).parent
    assert (found.name, found.source, found.path) == ("smollm2", "smollm2", world.parent.path)


def test_a_recipe_reads_back_as_it_was(world: World) -> None:
    world.begin(status="failed")
    assert resumed_recipe(world.out)[0] == LCPO
