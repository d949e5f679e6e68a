"""Fetches a source's file onto this machine: over HTTP, from the hub, or from a copy."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from urllib.parse import quote, urlsplit

from smallscale_ci.errors import NOT_WRITABLE, DownloadError, UsageError
from smallscale_ci.suite.source import Hub, Remote
from smallscale_ci.worker.patience import asked_s

Progress = Callable[[int, int | None], None]  # bytes so far, bytes in all if known

_TIMEOUT_S = 60.0
_TRIES = 4
_PATIENCE_S = 60.0  # between two tries, with a server that says when to come back
_NOT_FOUND, _RANGE_REFUSED, _BUSY = 404, 416, (408, 429)
_COPY_HINT = "Check the network. To use a copy: smallscale suite pull NAME --from FOLDER."
# Where a copy may keep a collection: at its root, or in a folder above or below it.
_ROOTS = ("", "data", "test", "data/test", "bench", "data/bench")


def fetch(source: Remote | Hub, origin: str | None, part: Path, progress: Progress) -> Path:
    """The file of ``source`` on this machine.

    ``origin`` is a folder, file or URL to use instead of the source's own address. A download is
    collected in ``part``, and an interrupted one is continued there. Raises ``UsageError``
    where a copy lacks the file, ``DownloadError`` where the network fails, and the ``OSError`` of a
    full or forbidden disk.
    """
    if origin is not None and not origin.startswith(("http://", "https://")):
        return _in_folder(source.path, Path(origin.removeprefix("file://")).expanduser())
    if origin is not None:
        return _from_copy(source.path, origin, part, progress)
    if isinstance(source, Remote):
        return _download(source.url, part, progress)
    return _from_hub(source, part.parent / "hub")


def candidates(path: PurePosixPath) -> tuple[PurePosixPath, ...]:
    """Where a copy may have the file ``path`` of a collection, the most likely place first."""
    tail = path.relative_to("data/test") if path.is_relative_to("data/test") else path
    places = [path, *(PurePosixPath(root, tail) for root in _ROOTS)]
    places += [PurePosixPath(*tail.parts[skip:]) for skip in range(1, len(tail.parts))]
    return tuple(dict.fromkeys(places))


def _in_folder(path: PurePosixPath, folder: Path) -> Path:
    if folder.is_file():
        return folder
    if not folder.is_dir():
        raise UsageError(f"There is no {folder}.", "Give --from a folder, a file or a URL.")
    for place in candidates(path):
        if (folder / place).is_file():
            return folder / place
    raise UsageError(
        f"{folder} has no {path.name}.", f"It was looked for at {path} and the like below it."
    )


def _from_copy(path: PurePosixPath, origin: str, part: Path, progress: Progress) -> Path:
    if urlsplit(origin).path.endswith(path.suffix):
        return _download(origin, part, progress)
    for place in candidates(path):
        try:
            return _download(f"{origin.rstrip('/')}/{quote(str(place))}", part, progress)
        except UsageError:
            continue
    raise UsageError(f"{origin} has no {path}.", "Give --from the address above data/test.")


def _from_hub(source: Hub, cache: Path) -> Path:
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    name = f"{source.repository}/{source.path}"
    try:
        return Path(
            huggingface_hub.hf_hub_download(
                source.repository,
                str(source.path),
                repo_type="dataset",
                revision=source.revision,
                cache_dir=cache,
            )
        )
    except LocalEntryNotFoundError as error:
        raise DownloadError(
            f"{name} cannot be downloaded from the hub: {error}", _COPY_HINT
        ) from error
    except HfHubHTTPError as error:
        reason = str(error).strip().splitlines()[0]
        raise DownloadError(
            f"{name} cannot be downloaded from the hub: {reason}", _COPY_HINT
        ) from error
    except (OSError, RuntimeError, ValueError) as error:
        if getattr(error, "errno", None) in NOT_WRITABLE:
            raise
        raise DownloadError(
            f"{name} cannot be downloaded from the hub: {error}", _COPY_HINT
        ) from error


def _download(url: str, part: Path, progress: Progress) -> Path:
    """Complete ``part`` from ``url``. Raises ``UsageError`` if there is nothing."""
    import httpx2

    reason, asked = "", 0.0
    for attempt in range(_TRIES):
        time.sleep(max(0.5 * attempt, min(asked, _PATIENCE_S)))
        try:
            _append(url, part, progress)
        except httpx2.HTTPStatusError as error:
            code = error.response.status_code
            reason = f"HTTP {code} {error.response.reason_phrase}"
            if code == _NOT_FOUND:
                raise UsageError(f"There is nothing at {url}.", _COPY_HINT) from error
            if code == _RANGE_REFUSED:
                part.unlink(missing_ok=True)  # longer than the file: start again
            elif code < 500 and code not in _BUSY:
                break
            asked = asked_s(error)
        except httpx2.RemoteProtocolError:
            reason = "the connection ended early"
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            if getattr(error, "errno", None) in NOT_WRITABLE:
                raise  # no fault of the network
            reason = str(error) or type(error).__name__
        else:
            return part
    raise DownloadError(f"{url} cannot be downloaded: {reason}.", _COPY_HINT)


def _append(url: str, part: Path, progress: Progress) -> None:
    """Fetch what ``part`` lacks. Raises the errors of httpx2, also for a short response."""
    import httpx2

    have = part.stat().st_size if part.exists() else 0
    # Uncompressed: a range counts bytes before any compression in transit.
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
    with httpx2.stream(
        "GET", url, headers=headers, timeout=_TIMEOUT_S, follow_redirects=True
    ) as reply:
        reply.raise_for_status()
        have = have if reply.status_code == 206 else 0  # a server may ignore ranges
        length = reply.headers.get("Content-Length")
        total = have + int(length) if length is not None else None
        with part.open("ab" if have else "wb") as stream:
            for chunk in reply.iter_raw():  # unbuffered, so that everything received is kept
                stream.write(chunk)
                have += len(chunk)
                progress(have, total)
