"""A grid trains its members on real LLaMA-Factory, side by side; one that breaks costs itself."""

import json
from pathlib import Path

import pytest
from helpers import training

pytestmark = pytest.mark.engine  # it uses the training environment
ROOT = Path(__file__).resolve().parents[2]
SAMPLED = ROOT / "tests" / "data" / "smoke-train"
RATES = (0.01, 1e30)  # of the second, weights are not finite after one step


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A grid of two LCPO members and an SFT one, trained up to the step `train`."""
    training.need_environments()
    place = tmp_path_factory.mktemp("grid")
    few = {"steps": 2, "cutoff_len": 384, "deepspeed": "none"}
    training.write_recipe(place, "tiny-lcpo", **few)
    training.write_recipe(place, "tiny-sft", objective="sft", **few)
    members = [
        {"recipe": "./tiny-lcpo.yaml", "learning_rates": RATES},
        {"recipe": "./tiny-sft.yaml", "changes": {"steps": 1}},
    ]
    grid = {"name": "three", "members": members, "seeds": [7], "side_by_side": 2}
    (place / "three.yaml").write_text(json.dumps(grid))
    return place


def command(place: Path, *more: str) -> list[str]:
    model = str(training.tiny_model())
    asked = ["candidate", model, "--recipe", "three.yaml", "--sample", str(SAMPLED)]
    asked += ["--suite", "smoke-train", "--eval-suite", "smoke", "--pairs", "lcpo-smoke"]
    asked += ["--set", "pairs.max_pairs=4", "--train-ranks", "1", "--out", "made"]
    return [*asked, *more]


def test_members_are_trained_and_one_that_breaks_is_listed(place: Path):
    done = training.run(place, *command(place, "--until", "train"))
    assert done.returncode == 0, done.stderr
    record = json.loads((place / "made/grid.json").read_text())
    assert [*record["broken"]] == ["tiny-lcpo-1e30-s7"]
    assert "not finite" in record["broken"]["tiny-lcpo-1e30-s7"]["message"]
    for name, steps in (("tiny-lcpo-0.01-s7", 2), ("tiny-sft-s7", 1)):
        member = place / "made/members" / name
        trained = json.loads((member / "train/train.json").read_text())
        assert (trained["status"], trained["steps"]["done"]) == ("complete", steps)
        assert trained["recipe"]["seed"] == 7
        assert list((member / "train/model").glob("*.safetensors"))
        lineage = json.loads((member / "train/model/smallscale.json").read_text())
        assert lineage["recipe"] == name
        assert not (member / "pairs").exists()  # they are those of the grid


def test_what_is_complete_is_not_trained_again_and_what_broke_is_named(place: Path):
    files = {path: path.stat().st_mtime_ns for path in (place / "made").rglob("*.safetensors")}
    assert files
    again = training.run(place, "candidate", "--resume", "made", "--until", "train")
    assert again.returncode == 0, again.stderr
    assert "tiny-lcpo-1e30-s7: failed earlier" in again.stderr
    assert {path: path.stat().st_mtime_ns for path in (place / "made").rglob("*.safetensors")} == (
        files
    )
