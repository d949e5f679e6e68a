"""What a run of ours holds, sample by sample, as the exports write it."""

from dataclasses import replace

from smallscale_ci.interop import exported
from smallscale_ci.run.folder import RunFolder
from smallscale_ci.run.run import Run, read_run


def source(path, suite):
    return exported.Source(RunFolder(path), read_run(path), suite)


def test_every_sample_has_its_question_its_text_and_its_verdict(world):
    path, suite = world
    found = list(exported.samples(source(path, suite), "sums"))
    held = read_run(path).samples
    assert len(found) == len(held)
    assert sum(one.is_right for one in found) == held.correct.sum()
    for one in found:
        assert one.generation.problem_id == one.judgement.problem_id == one.problem.id
        assert one.messages[-1]["content"].startswith(one.problem.question)
        assert one.is_right == (f"{{{one.problem.gold}}}" in one.generation.text)


def test_another_task_has_none_of_them(world):
    path, suite = world
    two = replace(suite, tasks=(*suite.tasks, suite.tasks[0].model_copy(update={"name": "other"})))
    assert list(exported.samples(source(path, two), "other")) == []


def test_sampling_has_the_names_of_servers(world):
    run = read_run(world[0])
    named = exported.sampling(run)
    assert named["max_tokens"] == 64
    assert "top_k" not in named  # off
    spec = replace(run.manifest.sampling, top_k=20)
    with_k = replace(run, manifest=replace(run.manifest, sampling=spec))
    assert exported.sampling(with_k)["top_k"] == 20
    assert exported.sampling(Run("bare", run.samples)) == {}
