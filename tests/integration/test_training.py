"""Training on the real LLaMA-Factory and DeepSpeed, on the CPU: no part is stood in for."""

import json
import os
import resource
import shutil
import signal
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from helpers import training as shared

from smallscale_ci.config.load import load
from smallscale_ci.config.train import TrainRecipe
from smallscale_ci.errors import DataError, UsageError
from smallscale_ci.train import checkpoints, estimate
from smallscale_ci.train.launch import WORKER, LocalRunner
from smallscale_ci.train.prepare import plan

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module", autouse=True)
def _environments() -> None:
    shared.need_environments()


@pytest.fixture(scope="module")
def tiny() -> Path:
    return shared.tiny_model()


def ranks(out: Path) -> list[int]:
    """The processes that train into ``out``: neither torchrun nor the command line."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        if "--leader" in words and "torch.distributed.run" not in words:
            found += [int(entry.name)] * any(str(out) in word for word in words)
    return found


def wait_for(what, seconds: float = 480.0):  # DeepSpeed may have to compile, on a busy machine
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come")


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts the command line beside the test; whatever becomes of it ends with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: object) -> subprocess.Popen[str]:
        started.append(
            subprocess.Popen(
                shared.command(*arguments),
                cwd=tmp_path,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()  # its ranks see that, and end
        process.communicate()


def test_two_ranks_with_zero3_lose_one_and_are_resumed(tiny: Path, tmp_path: Path, begin) -> None:
    pairs = shared.write_pairs(tmp_path / "pairs")
    recipe = shared.write_recipe(tmp_path, "two", steps=12, micro_batch=1)
    out = tmp_path / "out"
    started = begin("train", tiny, pairs, "--recipe", recipe, "--ranks", 2, "--out", out)
    first = out / "checkpoints" / "checkpoint-2"
    wait_for(lambda: checkpoints.is_whole(first) or started.poll() is not None)
    killed = ranks(out)
    assert len(killed) == 2, started.communicate()[1]
    os.kill(killed[1], signal.SIGKILL)
    _, told = started.communicate(timeout=300)
    assert started.returncode == 3, told
    assert "A rank was killed" in told
    assert "signal 9" in told
    assert f"--resume {out}" in told
    wait_for(lambda: not ranks(out), 120)
    assert json.loads((out / "train.json").read_text())["status"] == "failed"
    settings = (out / "settings" / "llamafactory.yaml").read_text()
    assert "use_cpu" not in settings
    assert (
        json.loads((out / "settings" / "deepspeed.json").read_text())["zero_optimization"]["stage"]
        == 3
    )

    # What a checkpoint looks like that was cut off while it was saved.
    broken = out / "checkpoints" / "checkpoint-11"
    broken.mkdir()
    (broken / "model.safetensors").write_bytes(b"half")
    newest = checkpoints.newest_whole(out / "checkpoints")
    done = shared.run(tmp_path, "train", "--resume", out, "--json")  # as it was told to
    assert done.returncode == 0, done.stderr
    assert "checkpoint-11 was cut off" in done.stderr
    assert f"resuming from {newest.name}" in done.stderr
    result = json.loads(done.stdout)
    assert result["steps"] == 12
    assert result["final_loss"] < 0.8 * result["first_loss"]
    manifest = json.loads((out / "train.json").read_text())
    assert manifest["status"] == "complete"
    assert [session["from"] for session in manifest["sessions"]] == ["parent", newest.name]
    assert manifest["versions"]["deepspeed"] == "0.18.4"
    assert manifest["parent"]["weights_hash"] != manifest["model"]["weights_hash"]
    for name in ("tokenizer_hash", "template_hash", "config_hash"):
        assert manifest["parent"][name] == manifest["model"][name]
    assert estimate.size(out / "model") == estimate.size(tiny)
    assert ET.parse(out / "loss.svg").getroot().tag.endswith("svg")
    again = shared.run(tmp_path, "train", "--resume", out)
    assert again.returncode == 2
    assert "is complete" in again.stderr


def test_a_loss_that_is_not_finite_ends_it_and_the_last_good_checkpoint_stays(
    tiny: Path, tmp_path: Path
) -> None:
    pairs = shared.write_pairs(tmp_path / "pairs")
    recipe = shared.write_recipe(
        tmp_path, "wild", learning_rate=1e30, max_grad_norm=1e30, save_steps=1
    )
    done = shared.run(tmp_path, "train", tiny, pairs, "--recipe", recipe, "--out", "out")
    assert done.returncode == 3, done.stderr
    assert "finite" in done.stderr or " nan" in done.stderr
    assert "checkpoint-1 is whole" in done.stderr
    assert not (tmp_path / "out" / "model").exists()
    assert checkpoints.newest_whole(tmp_path / "out" / "checkpoints").name == "checkpoint-1"


def test_a_file_that_cannot_be_written_leaves_the_earlier_checkpoint_whole(
    tiny: Path, tmp_path: Path, begin
) -> None:
    pairs = shared.write_pairs(tmp_path / "pairs")
    recipe = shared.write_recipe(tmp_path, "full", steps=60)
    out = tmp_path / "out"
    started = begin("train", tiny, pairs, "--recipe", recipe, "--out", out)
    folder = out / "checkpoints"
    wait_for(lambda: checkpoints.newest_whole(folder) or started.poll() is not None)
    for pid in ranks(out):  # no file may grow beyond 1 MB from here on: as if the disk were full
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    _, told = started.communicate(timeout=300)
    assert started.returncode == 3, told
    assert "Free disk space" in told
    assert "is whole" in told
    newest = checkpoints.newest_whole(folder)
    assert newest is not None
    assert f"{newest.name} is whole" in told


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_ranks_do_not_outlive_smallscale(tiny: Path, tmp_path: Path, begin, number: int) -> None:
    pairs = shared.write_pairs(tmp_path / "pairs")
    recipe = shared.write_recipe(tmp_path, "endless", steps=5000)
    out = tmp_path / "out"
    started = begin("train", tiny, pairs, "--recipe", recipe, "--out", out)
    wait_for(lambda: ranks(out) or started.poll() is not None)
    time.sleep(1)
    started.send_signal(number)
    _, told = started.communicate(timeout=180)
    assert started.returncode == (130 if number == signal.SIGINT else -9), told
    wait_for(lambda: not ranks(out), 120)
    status = json.loads((out / "train.json").read_text())["status"]
    assert status == ("interrupted" if number == signal.SIGINT else "running")
    if number == signal.SIGINT:
        assert f"--resume {out}" in told


def test_adapters_are_merged_and_shortest_answers_are_learnt(tiny: Path, tmp_path: Path) -> None:
    pairs = shared.write_pairs(tmp_path / "pairs")
    recipe = shared.write_recipe(
        tmp_path,
        "adapters",
        objective="sft",
        tuning="lora",
        lora={"rank": 4, "alpha": 8},
        extra={"neat_packing": True},  # its mask is no count of tokens
    )
    done = shared.run(tmp_path, "train", tiny, pairs, "--recipe", recipe, "--out", "out", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["final_loss"] < result["first_loss"]
    assert 0 < json.loads((tmp_path / "out" / "train.json").read_text())["tokens"] < 1_000_000
    model = tmp_path / "out" / "model"
    assert estimate.size(model) == estimate.size(tiny)
    assert (model / "model.safetensors").read_bytes() != (tiny / "model.safetensors").read_bytes()
    assert not (model / "adapter_config.json").exists()


def with_own_head(model: Path, folder: Path) -> Path:
    """``model`` with a copy of its embeddings as head, as Qwen3-0.6B is stored."""
    shutil.copytree(model, folder)
    data = (model / "model.safetensors").read_bytes()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    header, values = json.loads(data[8:start]), data[start:]
    tied = header["model.embed_tokens.weight"]
    copy = values[slice(*tied["data_offsets"])]
    end = len(values) + len(copy)
    header["lm_head.weight"] = {**tied, "data_offsets": [len(values), end]}
    told = json.dumps(header).encode()
    packed = struct.pack("<Q", len(told)) + told + values + copy
    (folder / "model.safetensors").write_bytes(packed)
    return folder


def exported(parent: Path, trained: Path, target: Path) -> subprocess.CompletedProcess[str]:
    asked = {"parent": parent, "trained": trained, "target": target, "adapters": False}
    request = target.with_name("export.json")
    request.write_text(json.dumps(asked, default=str))
    command = [str(shared.TRAIN_PYTHON), str(WORKER), "export", str(request)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_a_parent_that_stores_its_tied_head_has_a_candidate(tiny: Path, tmp_path: Path) -> None:
    parent = with_own_head(tiny, tmp_path / "parent")
    (parent / "smallscale.json").write_text('{"candidate": "the parent itself"}')
    done = exported(parent, tiny, tmp_path / "model")
    assert done.returncode == 0, done.stderr
    assert estimate.size(tmp_path / "model") == estimate.size(tiny)
    # The parent may be a candidate: its lineage is not that of its child.
    assert not (tmp_path / "model" / "smallscale.json").exists()
    untied = json.loads((parent / "config.json").read_text()) | {"tie_word_embeddings": False}
    (parent / "config.json").write_text(json.dumps(untied))
    done = exported(parent, tiny, tmp_path / "other")
    assert done.returncode == 1
    assert "not the parent's in name or shape: [('lm_head.weight'" in done.stderr


def planned(recipe: Path, model: Path, pairs: Path, out: Path):
    from smallscale_ci.checkpoint import servable

    runner = LocalRunner(shared.TRAIN_PYTHON, dict(os.environ), ranks=1, nodes=1, gpus=())
    parent = servable.inspect(model, "tiny", "tiny")
    return plan(load(TrainRecipe, str(recipe), ()), parent, pairs, out, runner)


def test_what_llama_factory_does_not_know_is_refused_by_name(tiny: Path, tmp_path: Path) -> None:
    pairs = shared.write_pairs(tmp_path / "pairs")
    recipe = shared.write_recipe(
        tmp_path, "odd", extra={"neftune_noise": 5.0, "flash_attn": "sdpa"}
    )
    with pytest.raises(UsageError, match=r"no 'neftune_noise' \(did you mean 'neftune_noise_alpha"):
        planned(recipe, tiny, pairs, tmp_path / "out")
    recipe = shared.write_recipe(tmp_path, "long", cutoff_len=64, max_cut=0.5)
    with pytest.raises(DataError, match="cut 16 at 64 tokens: more than 50%"):
        planned(recipe, tiny, pairs, tmp_path / "out")


def thinking(model: Path, folder: Path, mark: str) -> Path:
    """``model`` with a chat template that opens a block of thinking with ``mark``."""
    shutil.copytree(model, folder)
    template = (model / "chat_template.jinja").read_text()
    changed = template.replace("'<|im_start|>assistant\n'", f"'<|im_start|>assistant\n{mark}'")
    assert changed != template
    (folder / "chat_template.jinja").write_text(changed)
    return folder


def test_a_template_of_other_tokens_is_refused(tiny: Path, tmp_path: Path) -> None:
    """Also where the checkpoint's template opens a block of thinking, as R1's does."""
    pairs = shared.write_pairs(tmp_path / "pairs", thinking=True)
    own = shared.write_recipe(tmp_path, "own")
    plain = planned(own, tiny, shared.write_pairs(tmp_path / "plain"), tmp_path / "two").answer
    for name, mark in (("thinker", "<think>\n"), ("other", "[THINK]")):
        thinker = thinking(tiny, tmp_path / name, mark)
        answer = planned(own, thinker, pairs, tmp_path / "out" / name).answer
        for with_mark, without in zip(answer.lengths, plain.lengths, strict=True):
            assert with_mark[0] > without[0]
            # The mark that the prompt opened is not trained on, however the template writes it.
            assert with_mark[1:] == without[1:]
    named = shared.write_recipe(tmp_path, "named", template="chatml")
    with pytest.raises(UsageError, match="gives other tokens than the checkpoint's chat template"):
        planned(named, tmp_path / "thinker", pairs, tmp_path / "three")


def test_prompts_have_the_variables_that_the_answers_were_sampled_with(
    tiny: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny, model)
    file = model / "chat_template.jinja"
    reads = "{% if effort == 'low' %}<|im_start|>system\nBe brief.<|im_end|>\n{% endif %}"
    file.write_text(reads + file.read_text())
    recipe = shared.write_recipe(tmp_path, "own")
    low = {"effort": "low", "system": "Not the template's."}
    found = {}
    for name, template in (("low", low), ("high", {"effort": "high"}), ("none", {})):
        pairs = shared.write_pairs(tmp_path / name, template=template)
        answer = planned(recipe, model, pairs, tmp_path / "out" / name).answer
        assert answer.difference is None
        found[name] = answer.lengths
    assert found["high"] == found["none"]
    more = {a[0] - b[0] for a, b in zip(found["low"], found["none"], strict=True)}
    assert len(more) == 1
    assert more.pop() > 4
    assert [a[1:] for a in found["low"]] == [b[1:] for b in found["none"]]
