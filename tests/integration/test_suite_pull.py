"""``suite pull`` as users run it: real benchmark files over HTTP, from folders, and from a hub."""

import hashlib
import http.server
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from helpers import replayed
from helpers.published import data_file

from smallscale_ci.config.folders import default_roots
from smallscale_ci.config.load import load
from smallscale_ci.config.suite import JudgeConfig, SuiteConfig, TaskConfig
from smallscale_ci.errors import DownloadError
from smallscale_ci.suite import fetch, pins, published, source
from smallscale_ci.suite.local import load_suite

ROOT = Path(__file__).resolve().parents[2]
# name → rows of the file, problems
FILES = {
    "gsm8k": (1319, 1319),
    "math-500": (500, 500),
    "limr": (1389, 1389),
    "aime25": (480, 30),
    "amc23": (640, 40),
    "arc-c": (1172, 1172),
}


class Server(http.server.ThreadingHTTPServer):
    """Serves files of a folder, with ranges and what the hub's client asks for."""

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = files
        self.asked: list[tuple[str, str | None]] = []  # path, range
        self.break_after: int | None = None  # bytes of the next reply, then hang up
        self.refuse: int | None = None  # status of all replies

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(b"")

    def do_GET(self) -> None:
        self._answer(None)

    def _answer(self, instead: bytes | None) -> None:
        server, wanted = self.server, self.headers.get("Range")
        server.asked.append((self.path, wanted))
        body = server.files.get(self.path)
        if server.refuse or body is None:
            self.send_error(server.refuse or 404)
            return
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", wanted or "")
        start = int(found[1]) if found else 0
        if start >= len(body):
            self.send_error(416)
            return
        self.send_response(206 if found else 200)
        part = body[start:]
        self.send_header("Content-Length", str(len(part)))
        if found:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
        self.send_header("X-Repo-Commit", "0" * 40)
        self.end_headers()
        cut, server.break_after = server.break_after, None
        self.wfile.write(part[:cut] if instead is None else instead)
        self.close_connection = True


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[Server]:
    with Server(files) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()


@pytest.fixture(scope="module")
def bench() -> Path:
    return data_file("data/bench")


def smallscale(
    folder: Path, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    given = {"SMALLSCALE_CACHE": str(folder / "cache"), **environment}
    return replayed.smallscale(folder, *arguments, timeout=120, **given)


def published_files(bench: Path, prefix: str) -> dict[str, bytes]:
    return {
        f"{prefix}/{path.relative_to(bench)}": path.read_bytes()
        for path in bench.rglob("*.parquet")
    }


@pytest.mark.parametrize("name", FILES)
def test_every_row_from_the_pinned_commit(
    name: str, bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load(SuiteConfig, name, default_roots(ROOT))
    prefix = f"/{source.TOOLKIT_COMMIT}/data/test"
    with serving(published_files(bench, prefix)) as server:
        monkeypatch.setattr(source, "TOOLKIT", server.url)
        heard: list[int] = []
        pulled = published.pull(
            config.tasks[0],
            tmp_path,
            tmp_path / "cache",
            tell=lambda _, done, of: heard.append(done),
        )
    rows, problems = FILES[name]
    (asked,) = server.asked
    kind = "mcq" if name == "arc-c" else "math"
    assert asked == (f"{prefix}/{kind}/{name}/test_{name}.parquet", None)
    raw = bench / kind / name / f"test_{name}.parquet"
    assert heard[-1] == raw.stat().st_size
    assert (pulled.rows, pulled.problems, pulled.pinned) == (rows, problems, "sha256")
    suite = load_suite(config, tmp_path, tmp_path / "cache")
    as_published = pq.read_table(raw).to_pylist()
    answers = {row["problem"]: row["answer"] for row in as_published}
    assert [p.question for p in suite.problems] == list(answers)
    for problem in suite.problems:
        answer = answers[problem.question]
        same = problem.gold == answer if isinstance(answer, str) else float(problem.gold) == answer
        assert same, problem
    if name == "math-500":
        assert suite.problems[0].meta["unique_id"] == as_published[0]["unique_id"]
    assert not list((tmp_path / "cache" / "suites").glob("*.part"))


def test_the_command_line_from_a_copy(bench: Path, tmp_path: Path) -> None:
    absent = smallscale(tmp_path, "suite", "verify", "gsm8k")
    assert absent.returncode == 2
    assert "smallscale suite pull gsm8k" in absent.stderr
    shown = smallscale(tmp_path, "suite", "show", "gsm8k", "--json")
    assert json.loads(shown.stdout)["pulled"] is False
    pulled = smallscale(tmp_path, "suite", "pull", "gsm8k", "--from", str(bench.parent), "--json")
    assert pulled.returncode == 0, pulled.stderr
    value = json.loads(pulled.stdout)
    assert value["problems"] == 1319
    (task,) = value["tasks"]
    assert (task["pinned"], task["rows"], task["fresh"]) == ("sha256", 1319, True)
    verified = smallscale(tmp_path, "suite", "verify", "gsm8k", "--json")
    assert json.loads(verified.stdout)["hash"] == value["hash"]
    shown = smallscale(tmp_path, "suite", "show", "gsm8k", "--json")
    assert json.loads(shown.stdout)["hash"] == value["hash"]
    again = smallscale(tmp_path, "suite", "pull", "gsm8k")
    assert (again.returncode, "here already" in again.stderr) == (0, True)
    everything = smallscale(tmp_path, "suite", "verify", "--json")
    assert {suite["suite"] for suite in json.loads(everything.stdout)} >= {"smoke", "gsm8k"}
    listed = smallscale(tmp_path, "suite", "list", "--json")
    assert {"gsm8k", "lcb", "paper", "ood", "full", "quick"} < {*json.loads(listed.stdout)}


def test_a_group_tells_all_that_a_copy_lacks(bench: Path, tmp_path: Path) -> None:
    done = smallscale(tmp_path, "suite", "pull", "paper", "--from", str(bench))
    assert done.returncode == 2
    assert "test_minervamath.parquet" in done.stderr
    assert "test_aime24.parquet" in done.stderr
    assert (
        smallscale(tmp_path, "suite", "verify", "amc23").returncode == 0
    )  # what is there, is kept


@pytest.mark.parametrize("layout", ["data/test", "test", "", "bench"])
def test_copies_over_http(layout: str, bench: Path, tmp_path: Path) -> None:
    prefix = "/copy/" + layout if layout else "/copy"
    with serving(published_files(bench, prefix)) as server:
        done = smallscale(tmp_path, "suite", "pull", "aime25", "--from", f"{server.url}/copy/")
    assert done.returncode == 0, done.stderr
    assert "480 rows, 30 problems" in done.stderr


def test_another_file_is_refused_and_not_kept(bench: Path, tmp_path: Path) -> None:
    copy = tmp_path / "test_gsm8k.parquet"
    copy.write_bytes((bench / "math" / "limr" / "test_limr.parquet").read_bytes())
    done = smallscale(tmp_path, "suite", "pull", "gsm8k", "--from", str(tmp_path))
    assert done.returncode == 2
    assert "is not the pinned file" in done.stderr
    assert smallscale(tmp_path, "suite", "verify", "gsm8k").returncode == 2


def own(url: str, **settings: Any) -> TaskConfig:
    return TaskConfig(name="t", source=url, judge=JudgeConfig(name="math"), **settings)


CSV = b"question,gold\n" + b"".join(b"%d + 1?,%d\n" % (i, i + 1) for i in range(50_000))


def test_an_interrupted_download_is_completed(tmp_path: Path) -> None:
    pin = hashlib.sha256(CSV).hexdigest()
    with serving({"/a.csv": CSV}) as server:
        task = own(f"{server.url}/a.csv", sha256=pin)
        server.break_after = 100_000
        assert published.pull(task, tmp_path, tmp_path / "cache").problems == 50_000
    assert [wanted for _, wanted in server.asked] == [None, "bytes=100000-"]


def test_a_killed_pull_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "_TRIES", 1)
    pin = hashlib.sha256(CSV).hexdigest()
    with serving({"/a.csv": CSV}) as server:
        task = own(f"{server.url}/a.csv", sha256=pin)
        server.break_after = 100_000
        with pytest.raises(DownloadError, match="ended early"):
            published.pull(task, tmp_path, tmp_path / "cache")
        assert published.pull(task, tmp_path, tmp_path / "cache").problems == 50_000
    assert server.asked[-1][1] == "bytes=100000-"


def test_a_leftover_longer_than_the_file_is_thrown_away(tmp_path: Path) -> None:
    pin = hashlib.sha256(CSV).hexdigest()
    with serving({"/a.csv": CSV}) as server:
        task = own(f"{server.url}/a.csv", sha256=pin)
        published.pull(task, tmp_path, tmp_path / "cache")
        (kept,) = (tmp_path / "cache" / "suites").glob("*.parquet")
        kept.unlink()
        part = tmp_path / "left.part"
        part.write_bytes(CSV + b"more")
        found = source.parse(task.source, tmp_path)
        assert isinstance(found, source.Remote)
        fetch.fetch(found, None, part, lambda *_: None)
        assert part.read_bytes() == CSV


def test_no_server_and_a_refusing_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "_TRIES", 2)
    with serving({}) as server:
        address = server.url
        server.refuse = 403
        with pytest.raises(DownloadError, match="HTTP 403") as caught:
            published.pull(own(f"{address}/a.csv"), tmp_path, tmp_path / "cache")
        assert caught.value.exit_code == 3
    with pytest.raises(DownloadError, match="cannot be downloaded") as caught:
        published.pull(own(f"{address}/a.csv"), tmp_path, tmp_path / "cache")
    assert "--from" in caught.value.hint


def test_an_unpinned_source_of_ones_own(tmp_path: Path) -> None:
    rows = [{"frage": f"{i}?", "antwort": i, "level": "easy"} for i in range(3)]
    body = "".join(json.dumps(row) + "\n" for row in rows).encode()
    with serving({"/a.jsonl": body}) as server:
        (tmp_path / "mine.yaml").write_text(
            f"name: mine\ntasks:\n  - name: t\n    source: {server.url}/a.jsonl\n"
            "    columns: {question: frage, gold: antwort}\n    judge: {name: math}\n"
        )
        first = smallscale(tmp_path, "suite", "pull", "mine.yaml")
        assert first.returncode == 0, first.stderr
        assert "commit it" in first.stderr
        lock = tmp_path / pins.LOCK
        assert json.loads(lock.read_text()) == {
            f"{server.url}/a.jsonl": hashlib.sha256(body).hexdigest()
        }
        server.files["/a.jsonl"] = body + b'{"frage": "new?", "antwort": 4}\n'
        changed = smallscale(tmp_path, "suite", "pull", "mine.yaml", "--from", f"{server.url}")
        assert changed.returncode == 2
        assert "not the pinned file" in changed.stderr
    assert smallscale(tmp_path, "suite", "verify", "mine.yaml").returncode == 0


def test_a_file_of_the_hub_at_its_revision(tmp_path: Path) -> None:
    revision = "a" * 40
    rows = {
        "question_content": "Add one.",
        "question_id": "1",
        "starter_code": "",
        "public_test_cases": json.dumps([{"input": "1", "output": "2", "testtype": "stdin"}]),
        "private_test_cases": "[]",
        "metadata": "{}",
    }
    body = (json.dumps(rows) + "\n").encode()
    pin = hashlib.sha256(body).hexdigest()
    (tmp_path / "mine.yaml").write_text(
        f"name: mine\ntasks:\n  - from: lcb\n    source: hf:org/data@{revision}/test.jsonl\n"
        f"    sha256: {pin}\n"
    )
    with serving({f"/datasets/org/data/resolve/{revision}/test.jsonl": body}) as server:
        hub = {"HF_ENDPOINT": server.url, "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0"}
        done = smallscale(tmp_path, "suite", "pull", "mine.yaml", "--json", **hub)
        server.files.clear()
        hub["SMALLSCALE_CACHE"] = str(tmp_path / "other")
        gone = smallscale(tmp_path, "suite", "pull", "mine.yaml", **hub)
    assert done.returncode == 0, done.stderr
    (task,) = json.loads(done.stdout)["tasks"]
    assert (task["problems"], task["pinned"], task["sha256"]) == (1, "sha256", pin)
    assert gone.returncode == 3, gone.stderr
    assert "cannot be downloaded from the hub" in gone.stderr


def test_a_damaged_cache_is_noticed(bench: Path, tmp_path: Path) -> None:
    assert smallscale(tmp_path, "suite", "pull", "aime25", "--from", str(bench)).returncode == 0
    (kept,) = (tmp_path / "cache" / "suites").glob("aime25-*.parquet")
    data = bytearray(kept.read_bytes())
    data[200] ^= 0xFF
    kept.write_bytes(data)
    done = smallscale(tmp_path, "suite", "verify", "aime25")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "suite pull" in done.stderr
    repaired = smallscale(tmp_path, "suite", "pull", "aime25", "--from", str(bench))
    assert (repaired.returncode, "30 problems" in repaired.stderr) == (0, True)
    assert smallscale(tmp_path, "suite", "verify", "aime25").returncode == 0
