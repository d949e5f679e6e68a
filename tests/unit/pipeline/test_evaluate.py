"""What an evaluation hands on is not read again."""

from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from helpers import replayed

from smallscale_ci.config.settings import Settings
from smallscale_ci.gate.summary import summarise
from smallscale_ci.pipeline import evaluate, prepare, session
from smallscale_ci.pipeline.request import Request
from smallscale_ci.records import VerdictKind
from smallscale_ci.report import collect
from smallscale_ci.run import chain, tables
from smallscale_ci.run.run import read_run
from smallscale_ci.worker import protocol


@pytest.fixture
def plan(tmp_path: Path) -> tuple[prepare.Plan, Settings]:
    replayed.make_configs(tmp_path, problems=20)
    replayed.record(replayed.make_run(tmp_path, "src"), tmp_path / "baselines")
    settings = replayed.settings(tmp_path)
    asked = Request(str(tmp_path / "stored" / "src"), "tiny", "replay")
    return prepare.plan(asked, settings, say=lambda _: None), settings


@pytest.fixture
def opened(monkeypatch) -> Counter[Path]:
    """How often each file is opened to be read, by Python or by Arrow."""
    found: Counter[Path] = Counter()
    parquet, python = pq.ParquetFile, Path.open

    def by_arrow(source, *rest, **options):
        found[Path(source)] += 1
        return parquet(source, *rest, **options)

    def by_python(path, mode="r", *rest, **options):
        found[path] += mode.startswith("r")
        return python(path, mode, *rest, **options)

    monkeypatch.setattr(pq, "ParquetFile", by_arrow)
    monkeypatch.setattr(Path, "open", by_python)
    return found


def test_a_replayed_evaluation_reads_each_table_once_and_summarises_once(plan, opened, monkeypatch):
    summaries = []
    for module in (session, collect):
        monkeypatch.setattr(module, "summarise", lambda s: summaries.append(s) or summarise(s))
    planned, settings = plan
    done = evaluate.evaluate(planned, planned.baseline, settings, replayed.Nobody())
    assert done.verdict.kind is VerdictKind.PASS
    run = planned.run
    assert opened[run.generations] == 1  # its texts, for the report
    assert opened[run.judgements] == 1
    assert opened[run.prompts] == opened[run.summary] == opened[run.verdict] == 0
    assert len(summaries) == 1
    source = planned.checkpoint.path
    assert opened[source / chain.GENERATIONS] == 1  # what is replayed
    assert opened[source / chain.JUDGEMENTS] == 0


class LateRank(replayed.Nobody):
    """Writes another answer to a sample that is judged, in a file that sorts before the rank's."""

    def __init__(self, work: Path) -> None:
        self.work, self.written = work, ""

    def progress(self, progress) -> None:
        files = sorted((self.work / "out").glob("[0-9]*.jsonl"))
        if self.written or not progress.done or not files:
            return
        value = protocol.decode_line(files[0].open("rb").readline())
        self.written = value["problem_id"]
        out = protocol.Out(self.work / "out" / "-1.jsonl")
        out.write([{**value, "text": "\\boxed{666}"}])
        out.close()


def test_what_was_judged_is_what_is_stored_whatever_a_late_rank_writes(plan):
    planned, settings = plan
    late = LateRank(planned.run.work)
    evaluate.evaluate(planned, planned.baseline, settings, late)
    assert late.written
    texts = [g.text for g in tables.generations(planned.run.generations)]
    assert len(texts) == 20
    assert not any("666" in text for text in texts)


def test_what_is_handed_on_is_what_was_written(plan):
    planned, settings = plan
    done = evaluate.evaluate(planned, planned.baseline, settings, replayed.Nobody())
    assert done.candidate is not None
    back = read_run(planned.run.path)
    assert back.summary == done.candidate.summary
    assert back.samples.outcome.tolist() == done.candidate.samples.outcome.tolist()
    assert back.samples.tokens.tolist() == done.candidate.samples.tokens.tolist()
    assert back.manifest == done.candidate.manifest
    assert back.samples.digest() == done.candidate.samples.digest()
