"""A grid from its members' runs to the verdict on one of them, with stored runs and trainings."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import checkpoints, replayed

from smallscale_ci.candidate import grid as grids
from smallscale_ci.candidate import grid_report, grid_run
from smallscale_ci.candidate.grid_record import Broken, GridFolder
from smallscale_ci.candidate.record import CandidateRequest
from smallscale_ci.cli import places
from smallscale_ci.config import load
from smallscale_ci.config.pairs import PairPolicy
from smallscale_ci.errors import EngineError, InvalidError
from smallscale_ci.files import write_json
from smallscale_ci.records import VerdictKind
from smallscale_ci.report import grid as words
from smallscale_ci.run.folder import RunFolder
from smallscale_ci.run.manifest import COMPLETE
from smallscale_ci.train.record import Losses, PairsUsed, Steps, TrainRecord, World
from smallscale_ci.train.runner import Wanted

RECIPE = "name: quick\nobjective: lcpo\nbatch_size: 4\nsteps: 3\n"
GRID = """\
name: rates
members:
  - {recipe: quick, learning_rates: [1e-6, 1e-5, 1e-4, 1e-3], seeds: [1]}
max_loss: 0.05
"""
SHAPE = {"num_hidden_layers": 2, "hidden_size": 8, "vocab_size": 16}
MODEL = {
    **checkpoints.FILES,
    "config.json": json.dumps({"model_type": "tiny", **SHAPE}).encode(),
}
# Member → how often it errs, and how much longer it is than its parent, which errs in a fifth.
RESULTS = {"1e-06": (0.2, 0.9), "1e-05": (0.2, 0.5), "0.0001": (0.9, 0.2)}


class Watcher(replayed.Nobody):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    def training(self, progress: object) -> None:
        pass


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "project"
    replayed.make_configs(place)
    numbers = range(100, 140)
    table = pa.table(
        {
            "question": [f"Take {number} from {3 * number}." for number in numbers],
            "gold": [str(2 * number) for number in numbers],
        }
    )
    pq.write_table(table, place / "configs" / "suites" / "practice.parquet")
    text = replayed.SUITE.replace("tiny", "practice").replace("gate: practice", "gate: tiny")
    (place / "configs/suites/practice.yaml").write_text(text)
    (place / "configs/engines/cpu.yaml").write_text("name: cpu\nengine: vllm\nruntime: local\n")
    gate = place / "configs/gates/tiny.yaml"
    gate.write_text(gate.read_text() + "monitor: {patterns: ['sum is']}\n")
    for kind, name, content in (("train", "quick", RECIPE), ("grids", "rates", GRID)):
        (place / "configs" / kind).mkdir()
        (place / "configs" / kind / f"{name}.yaml").write_text(content)
    checkpoints.make(place / "model", MODEL)
    monkeypatch.chdir(place)
    monkeypatch.setenv("SMALLSCALE_CACHE", str(tmp_path / "cache"))
    replayed.make_run(place, "answers", suite_name="practice", wrong=0.0, epochs=4)
    return place


def planned(place: Path, **more: object) -> grids.Grid:
    settings = places.find(engine_python=Path(sys.executable))
    request = CandidateRequest(
        model=str(place / "model"),
        recipe="rates",
        train_suite="practice",
        eval_suite="tiny",
        profile="cpu",
        samples=4,
        policy=PairPolicy(),
        sample=str(place / "stored/answers"),
    )
    folder = GridFolder(place / "candidates" / "g")
    wanted = Wanted(python=Path(sys.executable))
    asked = replace(request, **more)
    return grids.plan(folder, asked, "", settings, wanted, lambda _: None)


def store(place: Path, target: Path, name: str, **how: object) -> None:
    """A complete run of the evaluation suite, where a step would have written it."""
    shutil.copytree(replayed.make_run(place, name, **how), target)


def trained(grid: grids.Grid, name: str) -> None:
    """What a complete training leaves."""
    loop = grid.members[name]
    out = loop.folder.of("train")
    content = checkpoints.safetensors(name.encode())
    checkpoints.make(loop.folder.model, {**MODEL, "model.safetensors": content})
    record = TrainRecord(
        status=COMPLETE,
        parent=loop.parent.checkpoint,
        pairs=PairsUsed("pairs"),
        recipe=loop.recipe.model_dump(mode="json"),
        world=World(1),
        steps=Steps(3, 3),
        loss=Losses(0.7, 0.1),
        seconds=5,
    )
    write_json(out / "train.json", record)


def complete(place: Path, grid: grids.Grid) -> None:
    """All that would need an engine or a training, of three members; the fourth breaks."""
    store(place, grid.folder.base.of("parent"), "parent", epochs=1)
    for number, (rate, (wrong, longer)) in enumerate(RESULTS.items(), 1):
        name = f"quick-{rate}-s1"
        trained(grid, name)
        of = grid.members[name].folder.of("verdict")
        store(place, of, name, epochs=1, wrong=wrong, longer=longer, seed=number)
    fresh = grid.folder.path / "fresh"
    store(place, fresh / "parent", "fresh-parent", seed=21)
    store(place, fresh / "verdict", "fresh-chosen", seed=22, longer=0.5)


def run(grid: grids.Grid, watcher: Watcher):
    return grid_run.run(grid, Wanted(python=Path(sys.executable)), watcher)


def test_the_verdict_is_on_samples_that_nobody_was_chosen_by(place: Path):
    grid, watcher = planned(place), Watcher()
    complete(place, grid)
    evaluation = run(grid, watcher)
    assert grid.folder.read().chosen == "quick-1e-05-s1"
    # The fourth has no training: it needs a LLaMA-Factory that is not here.
    assert [*grid.folder.broken()] == ["quick-0.001-s1"]
    assert evaluation is not None
    assert evaluation.run == RunFolder(grid.folder.path / "fresh" / "verdict")
    assert evaluation.verdict.kind in {VerdictKind.PASS, VerdictKind.INCONCLUSIVE}
    told = grid_report.report(grid, evaluation)
    assert [row.name for row in told.rows if row.on_front] == ["quick-1e-05-s1", "quick-0.0001-s1"]
    assert told.same_problems
    lines = words.table(told)
    assert [line[0] for line in lines] == [
        *("model", "quick-0.0001-s1", "quick-1e-05-s1", "quick-1e-06-s1", "quick-0.001-s1"),
    ]
    assert [line[-1] for line in lines] == ["parent", "front", "chosen", "", "broke"]
    page = (grid.folder.report / "grid.html").read_text()
    assert page.count("<svg") == 1
    assert "quick-0.0001-s1 (front): " in page
    text = (grid.folder.report / "grid.md").read_text()
    assert "luck with the problems still can" in text
    assert "quick-0.001-s1 broke: " in text
    own = (grid.folder.path / "fresh/verdict/report/report.md").read_text()
    for shown in (text, own):  # what the policy's monitor found
        assert "what the solution needs: 100.0% → 100.0% of answers" in shown
    lineage = json.loads(
        (grid.members["quick-1e-05-s1"].folder.model / "smallscale.json").read_text()
    )
    assert lineage["verdict"]["kind"] == evaluation.verdict.kind
    assert lineage["recipe"] == "quick-1e-05-s1"


def test_new_samples_have_other_seeds_and_the_whole_policy(place: Path):
    grid = planned(place, eval_epochs=2)
    seeds = [plan.sampling.seed for plan in (grid.base.parent, grid.fresh.parent)]
    assert len(set(seeds)) == 2
    one_look = grid.base.gate
    assert one_look.max_epochs == 2
    # A member's run is read again with its policy once it is complete.
    assert type(one_look).model_validate_json(one_look.model_dump_json()) == one_look
    assert (
        grid.fresh.gate.on_inconclusive
        == load.load(type(grid.fresh.gate), "tiny", grid.base.settings.roots).on_inconclusive
    )


def test_what_is_complete_is_kept_and_the_same_verdict_comes_again(place: Path):
    grid = planned(place)
    complete(place, grid)
    first = run(grid, Watcher())
    watcher = Watcher()
    again = run(planned(place), watcher)
    assert first is not None
    assert again is not None
    assert again.verdict == first.verdict
    assert "verdict: complete, skipped" in watcher.lines
    assert any("quick-0.001-s1: failed earlier" in line for line in watcher.lines)
    shutil.rmtree(grid.folder.member("quick-0.001-s1").path)
    assert grid.folder.broken() == {}  # one that is removed is tried again


def test_the_command_shows_all_candidates_and_the_verdict(place: Path):
    grid = planned(place)
    complete(place, grid)
    evaluation = run(grid, Watcher())
    assert evaluation is not None
    python = ("--engine-python", sys.executable, "--train-python", sys.executable)
    asked = ("candidate", "--resume", grid.folder.path, *python)
    cache = {"SMALLSCALE_CACHE": str(place.parent / "cache")}
    told = replayed.smallscale(place, *asked, **cache)
    assert told.returncode == 5, told.stderr  # INCONCLUSIVE
    assert evaluation.verdict.kind is VerdictKind.INCONCLUSIVE
    for shown in ("chosen", "front", "broke", "Chosen: quick-1e-05-s1", "sums accuracy"):
        assert shown in told.stdout
    found = json.loads(replayed.smallscale(place, *asked, "--json", **cache).stdout)
    assert found["chosen"] == "quick-1e-05-s1"
    assert found["kind"] == "INCONCLUSIVE"
    assert found["model"] == str(grid.members["quick-1e-05-s1"].folder.model)
    assert [one["name"] for one in found["members"]] == [*grid.members]


def test_members_side_by_side_are_processes_of_their_own(place: Path):
    file = place / "configs/grids/rates.yaml"
    file.write_text(f"{GRID}side_by_side: 2\n")
    grid, watcher = planned(place), Watcher()
    complete(place, grid)
    evaluation = run(grid, watcher)
    assert evaluation is not None
    assert grid.folder.read().chosen == "quick-1e-05-s1"
    (why,) = grid.folder.broken().values()
    assert "No module named 'torch'" in why.message  # as the process said, without its hint
    assert any(line.startswith("quick-1e-06-s1: verdict: ") for line in watcher.lines)
    for name in ("quick-1e-06-s1", "quick-1e-05-s1", "quick-0.0001-s1"):
        assert grid.members[name].folder.is_complete("verdict")


def test_a_killed_grid_leaves_no_process_and_goes_on_where_it_was(place: Path):
    (place / "configs/grids/rates.yaml").write_text(f"{GRID}side_by_side: 2\n")
    grid = planned(place)
    complete(place, grid)
    grids.begin(grid)
    waits = place / "waits"  # for ever, in place of a Python that trains
    waits.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(600)\n")
    waits.chmod(0o755)
    asked = ("candidate", "--resume", grid.folder.path, "--engine-python", sys.executable)
    cache = {"SMALLSCALE_CACHE": str(place.parent / "cache")}
    process = replayed.start(place, *asked, "--train-python", waits, **cache)
    member = str(grid.folder.member("quick-0.001-s1").path)
    try:
        replayed.wait_for(lambda: len(of(member)) > 1, "the member that waits", 120)
    finally:
        process.kill()
        process.communicate()
    replayed.wait_for(lambda: not of(member), "the end of what was started", 120)
    evaluation = run(grid, Watcher())
    assert evaluation is not None
    assert [*grid.folder.broken()] == ["quick-0.001-s1"]


def of(folder: str) -> list[str]:
    """The processes whose command names ``folder``, or a file in it, or that run there."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            named = folder in (entry / "cmdline").read_text() or folder in str(
                (entry / "cwd").readlink()
            )
        except OSError:
            continue
        if named:
            found.append(entry.name)
    return found


def test_a_grid_that_changed_is_refused(place: Path):
    grid = planned(place)
    grids.begin(grid)
    file = place / "configs/grids/rates.yaml"
    file.write_text(GRID.replace("0.05", "0.5"))
    with pytest.raises(InvalidError, match="The grid changed"):
        grids.begin(planned(place))


def test_members_that_all_broke_are_an_error_with_a_reason(place: Path):
    grid = planned(place)
    store(place, grid.folder.base.of("parent"), "parent", epochs=1)
    grids.begin(grid)
    for name, loop in grid.members.items():
        loop.folder.path.mkdir(parents=True)
        grid.folder.note(name, Broken("The loss of step 1 is nan."))
    with pytest.raises(EngineError, match=r"None of the 4 members .* step 1 is nan"):
        run(grid, Watcher())


def test_the_plan_shows_members_and_spends_nothing(place: Path):
    grid = planned(place)
    told = grid_report.planned(grid, Wanted(python=Path(sys.executable)))
    assert [one["state"] for one in told["members"]] == ["to do"] * 4
    assert {one["settings"]["learning_rate"] for one in told["members"]} == {1e-6, 1e-5, 1e-4, 1e-3}
    assert "new samples" in told["fresh"]
    assert not grid.folder.path.exists()
