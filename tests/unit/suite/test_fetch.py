"""A source's file from a copy in a folder, or over HTTP, from a server that may be busy."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import pytest

from smallscale_ci.config.suite import JudgeConfig, TaskConfig
from smallscale_ci.errors import DownloadError, StorageError, UsageError
from smallscale_ci.ids import content_hash
from smallscale_ci.suite import published
from smallscale_ci.suite.fetch import candidates, fetch
from smallscale_ci.suite.source import Remote

GSM8K = PurePosixPath("data/test/math/gsm8k/test_gsm8k.parquet")
NOWHERE = Remote("http://127.0.0.1:9/gsm8k.parquet", GSM8K)
CONTENT = b"question,gold\n" + b"1 + 1?,2\n" * 3000


@contextmanager
def answering(*codes: int) -> Iterator[str]:
    """The address of a file whose server answers with ``codes``, one after another."""
    left = list(codes)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            code = left.pop(0)
            self.send_response(code)
            body = CONTENT if code == 200 else b""
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/a.csv"
        finally:
            server.shutdown()


def fetched(url: str, part: Path) -> Path:
    return fetch(Remote(url, PurePosixPath("a.csv")), None, part, lambda *_: None)


def test_copies_may_begin_anywhere_above_or_below_the_collection() -> None:
    places = [str(place) for place in candidates(PurePosixPath("data/test/math/a/test_a.parquet"))]
    assert places[0] == "data/test/math/a/test_a.parquet"
    assert {"test/math/a/test_a.parquet", "math/a/test_a.parquet", "a/test_a.parquet"} < {*places}
    assert places[-1] == "test_a.parquet"


@pytest.mark.parametrize("inside", ["", "data", "test", "math", "gsm8k", "bench"])
def test_a_copy_in_a_folder_is_found_in_whatever_layout(tmp_path: Path, inside: str) -> None:
    parts = GSM8K.parts
    tail = (
        parts[parts.index(inside) + 1 :]
        if inside in parts
        else GSM8K.relative_to("data/test").parts
    )
    held = tmp_path.joinpath(inside if inside == "bench" else "", *tail)
    held.parent.mkdir(parents=True, exist_ok=True)
    held.write_bytes(b"x")
    for origin in (str(tmp_path), f"file://{tmp_path}", str(held)):
        assert fetch(NOWHERE, origin, tmp_path / "part", lambda *_: None) == held


def test_a_folder_without_the_file_and_no_folder(tmp_path: Path) -> None:
    for origin, said in (
        (tmp_path, "has no test_gsm8k.parquet"),
        (tmp_path / "none", "There is no"),
    ):
        with pytest.raises(UsageError, match=said) as caught:
            fetch(NOWHERE, str(origin), tmp_path / "part", lambda *_: None)
        assert caught.value.hint


def test_what_came_is_told_with_the_size_of_all(tmp_path: Path) -> None:
    heard: list[tuple[int, int | None]] = []
    with answering(200) as url:
        remote = Remote(url, PurePosixPath("a.csv"))
        part = fetch(remote, None, tmp_path / "part", lambda *so_far: heard.append(so_far))
    assert part.read_bytes() == CONTENT
    assert heard[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in heard] == sorted(done for done, _ in heard)


def test_a_server_that_is_busy_is_asked_again(tmp_path: Path) -> None:
    with answering(429, 503, 200) as url:
        assert fetched(url, tmp_path / "part").read_bytes() == CONTENT


def test_one_that_refuses_is_not(tmp_path: Path) -> None:
    with answering(403) as url, pytest.raises(DownloadError, match="HTTP 403") as caught:
        fetched(url, tmp_path / "part")
    assert "--from" in caught.value.hint
    with answering(404) as url, pytest.raises(UsageError, match="There is nothing at"):
        fetched(url, tmp_path / "part")


def test_a_full_disk_is_no_fault_of_the_network(tmp_path: Path) -> None:
    (tmp_path / "part").symlink_to("/dev/full")
    with answering(200) as url, pytest.raises(OSError, match="No space left"):
        fetched(url, tmp_path / "part")


def test_a_pull_tells_of_the_full_disk_and_not_of_the_network(tmp_path: Path) -> None:
    (held := tmp_path / "cache" / "suites").mkdir(parents=True)
    with answering(200) as url:
        (held / f"{content_hash([url, None], 16)}.part").symlink_to("/dev/full")
        pinned = TaskConfig(name="t", source=url, sha256="0" * 64, judge=JudgeConfig(name="math"))
        with pytest.raises(StorageError, match="No space left") as caught:
            published.pull(pinned, tmp_path, tmp_path / "cache")
    assert "disk full" in caught.value.hint
