"""What the user asked for, and the complete configuration that follows from it."""

import json

import pytest
from helpers.plans import plan

from smallscale_ci.errors import UsageError


def test_what_is_asked_for_goes_before_what_is_configured(place):
    found = plan(place, seed=7, ranks=3, tensor_parallel=2, gate="default", gpus=("0", "1"))
    assert found.sampling.seed == 7
    assert (found.config.profile.ranks, found.config.profile.tensor_parallel) == (3, 2)
    assert found.config.gate.name == "default"
    assert found.config.gpus == ("0", "1")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, (1, 1)),
        ({"gate": "default"}, (1, 4)),
        ({"gate": "default", "epochs": 2}, (2, 2)),
        ({"gate": "default", "epochs": 2, "max_epochs": 3}, (2, 3)),
        ({"gate": "default", "max_epochs": 6}, (1, 6)),
        ({"gate": "once", "max_epochs": 6}, (1, 1)),  # it does not extend
        ({"gate": "default", "baseline": "none"}, (1, 1)),
    ],
)
def test_epochs(place, asked, expected):
    gate = place / "configs" / "gates" / "once.yaml"
    gate.write_text("name: once\non_inconclusive: fail\n")
    config = plan(place, **asked).config
    assert (config.epochs, config.max_epochs) == expected


def test_a_maximum_below_the_first_epochs_is_refused(place):
    """It was ignored: two epochs were run."""
    with pytest.raises(UsageError, match="--max-epochs 1 is less than --epochs 2") as caught:
        plan(place, epochs=2, max_epochs=1)
    assert caught.value.hint == "Raise --max-epochs, or lower --epochs."
    assert plan(place, gate="default", epochs=2, max_epochs=2).config.max_epochs == 2


def test_names_of_runs_are_short_and_safe_whatever_the_paths(place):
    suite = place / "configs" / "suites" / "tiny.yaml"
    assert plan(place, suite=str(suite)).config.name == "20260131-120000-tiny-src-ab12"


def test_gpus_make_ranks(place):
    def ranks(*gpus: str, tp: int | None = None, ranks: int | None = None) -> int:
        return plan(place, gpus=gpus, tensor_parallel=tp, ranks=ranks).config.profile.ranks

    assert ranks() == 1
    assert ranks("0", "1", "2", "3") == 4
    assert ranks("0", "1", "2", "3", tp=2) == 2
    assert ranks("0", "1", ranks=1) == 1
    with pytest.raises(UsageError, match="needs 4 GPUs, and --gpus names 2"):
        ranks("0", "1", tp=4)
    with pytest.raises(UsageError, match="needs 4 GPUs, and --gpus names 2"):
        ranks("0", "1", tp=4, ranks=1)  # fewer than one rank needs, however many ranks


def test_ranks_that_share_gpus_have_theirs(place):
    profile = {"engine": "replay", "ranks": 3, "ranks_per_gpu": 3}
    (place / "shared.yaml").write_text(json.dumps({"name": "shared", **profile}))

    def ranks(*gpus: str, **more: int) -> int:
        request = {"profile": str(place / "shared.yaml"), "baseline": "none", "gpus": gpus}
        return plan(place, **request, **more).config.profile.ranks

    assert ranks() == 3
    assert ranks("0") == 3
    assert ranks("0", "1") == 6
    assert ranks("0", "1", tensor_parallel=2) == 3
    assert ranks("0", "1", ranks=1) == 1
