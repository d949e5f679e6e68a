"""A headless Chromium, driven through chromedriver's own protocol (W3C WebDriver over HTTP)."""

import base64
import json
import re
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from helpers.needed import absent

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
)
_KEY = "element-6066-11e4-a52e-4f735466cecf"  # how WebDriver marks a reference to an element


class Browser:
    """One session: open a page, run scripts in it, press keys, read its logs, take pictures."""

    def __init__(self, address: str, profile: str) -> None:
        self._session = ""
        self._address = address
        options = {
            "args": [*_FLAGS, f"--user-data-dir={profile}"],
            "binary": chromium(),
        }
        always = {
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        made = self._call("POST", "/session", {"capabilities": {"alwaysMatch": always}})
        self._session = f"/session/{made['sessionId']}"
        # Chromium's own first page makes requests of its own, which are not ours.
        self._call("POST", "/url", {"url": "about:blank"})
        self.requests()

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(
            f"{self._address}{self._session}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=60) as response:
            return json.load(response)["value"]

    def open(self, path: Path, width: int = 1200, height: int = 900) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.devtools("Emulation.setDeviceMetricsOverride", **metrics)
        self._call("POST", "/url", {"url": path.as_uri()})

    def run(self, script: str) -> Any:
        return self._call("POST", "/execute/sync", {"script": script, "args": []})

    def wait(self, script: str, seconds: float = 20.0) -> Any:
        """Run ``script`` until what it returns is true."""
        end = time.monotonic() + seconds
        while not (value := self.run(script)):
            assert time.monotonic() < end, f"never true: {script}"
            time.sleep(0.05)
        return value

    def press(self, keys: str) -> None:
        """Send ``keys`` to what has the focus, as a keyboard does."""
        focused = self._call("GET", "/element/active")[_KEY]
        self._call("POST", f"/element/{focused}/value", {"text": keys})

    def devtools(self, command: str, **params: Any) -> Any:
        return self._call("POST", "/goog/cdp/execute", {"cmd": command, "params": params})

    def console(self) -> list[str]:
        """What the page has written to the console, errors and violations of its policy too."""
        return [entry["message"] for entry in self._call("POST", "/se/log", {"type": "browser"})]

    def requests(self) -> list[str]:
        """Every address that the browser has asked for since the last call."""
        entries = self._call("POST", "/se/log", {"type": "performance"})
        messages = [json.loads(entry["message"])["message"] for entry in entries]
        sent = [m["params"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        return [params["request"]["url"] for params in sent]

    def picture(self, path: Path, full: bool = True) -> None:
        shot = self.devtools("Page.captureScreenshot", captureBeyondViewport=full, format="png")
        path.write_bytes(base64.b64decode(shot["data"]))

    def close(self) -> None:
        self._call("DELETE", "")


def chromium() -> str:
    """The path of Chromium; skips the test where there is none, and fails it in CI."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if not found or not shutil.which("chromedriver"):
        reason = "chromium and chromedriver are not installed (apt-get install chromium-driver)"
        absent(reason)
    return str(found)


@contextmanager
def browser() -> Iterator[Browser]:
    """A fresh Chromium with a profile of its own; both processes end with the block."""
    chromium()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = ["chromedriver", "--port=0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as driver:
            try:
                session = Browser(f"http://127.0.0.1:{_port(driver)}", profile)
                try:
                    yield session
                finally:
                    session.close()
            finally:
                driver.kill()  # asked to end, it sometimes waits for ever, its session closed


def _port(driver: subprocess.Popen[str]) -> int:
    assert driver.stdout
    for line in driver.stdout:
        if found := re.search(r"started successfully on port (\d+)", line):
            return int(found[1])
    pytest.fail("chromedriver ended before it was ready")
