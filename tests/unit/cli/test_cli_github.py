"""``init`` and ``publish``: where this package came from, and what a job is told."""

import json
import sys

import pytest
from helpers.report_examples import REGRESSED, verdict
from typer.testing import CliRunner

from smallscale_ci.cli import github
from smallscale_ci.cli.main import app
from smallscale_ci.run.folder import RunFolder


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Makes an installation of this package as pip records it; first on the path."""

    def install(url):
        info = tmp_path / "smallscale_ci-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: smallscale-ci\nVersion: 1.0\n")
        if url is not None:
            (info / "direct_url.json").write_text(json.dumps({"url": url, "vcs_info": {}}))
        monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
        return github._installed_from()

    return install


@pytest.mark.parametrize(
    ("url", "repository"),
    [
        ("https://github.com/octo/gate", "octo/gate"),
        ("https://github.com/octo/gate.git", "octo/gate"),
        ("ssh://git@github.com/octo/gate.v2.git", "octo/gate.v2"),
        ("git@github.com:octo/gate.git", "octo/gate"),
        ("file:///home/ada/gate", ""),
        ("https://gitlab.com/octo/gate", ""),
        (None, ""),
    ],
)
def test_workflows_get_the_package_from_where_pip_got_it(installed, url, repository):
    assert installed(url) == repository


@pytest.mark.parametrize("source", ["octo", "octo/gate/x", "https://github.com/octo/gate", "a b/c"])
def test_what_is_not_a_repository_is_refused(tmp_path, source):
    done = CliRunner().invoke(app, ["init", str(tmp_path), "--repository", source])
    assert done.exit_code == 2
    assert "Write OWNER/NAME" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_outputs_of_a_job_name_the_verdict_and_the_report(tmp_path):
    run = RunFolder(tmp_path / "r")
    assert github._outputs(verdict(REGRESSED), run) == {
        "verdict": "REGRESSED",
        "run": str(tmp_path / "r"),
        "report": str(tmp_path / "r" / "report" / "report.html"),
    }
    assert set(github._outputs(None, None).values()) == {""}


def test_publish_outside_of_a_job_names_the_command_that_works(tmp_path, monkeypatch):
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    done = CliRunner().invoke(app, ["publish", str(tmp_path / "my run")])
    assert done.exit_code == 2
    assert f"smallscale_ci report '{tmp_path}/my run'" in done.stderr or (
        f"smallscale report '{tmp_path}/my run'" in done.stderr
    )
