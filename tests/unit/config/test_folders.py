"""Configurations are found by name, the project's own before those of the package."""

from pathlib import Path

import pytest

from smallscale_ci.config import folders
from smallscale_ci.config.folders import default_roots, find, names
from smallscale_ci.config.load import load
from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.errors import UsageError

REPOSITORY = Path(__file__).resolve().parents[3]


def write(root: Path, folder: str, name: str, text: str) -> Path:
    (root / folder).mkdir(parents=True, exist_ok=True)
    path = root / folder / f"{name}.yaml"
    path.write_text(text)
    return path


def test_first_root_wins_and_paths_work(tmp_path: Path) -> None:
    own, shipped = tmp_path / "own", tmp_path / "shipped"
    write(shipped, "gates", "g", "name: g\nmax_epochs: 2")
    write(shipped, "gates", "other", "name: other")
    path = write(own, "gates", "g", "name: g\nmax_epochs: 3")
    roots = (own, shipped)
    assert names(GatePolicy, roots) == ("g", "other")
    assert find(GatePolicy, "g", roots) == path
    assert load(GatePolicy, "g", roots).max_epochs == 3
    assert load(GatePolicy, str(shipped / "gates" / "g.yaml"), roots).max_epochs == 2


def test_unknown_names_and_paths(tmp_path: Path) -> None:
    write(tmp_path, "gates", "strict", "name: strict")
    with pytest.raises(
        UsageError, match=r"no gate policy 'strickt' \(did you mean 'strict'\?\)"
    ) as e:
        load(GatePolicy, "strickt", (tmp_path,))
    assert "Known: strict." in e.value.hint
    with pytest.raises(UsageError, match="There is no file") as e:
        load(GatePolicy, "gates/none.yaml", (tmp_path,))
    assert "a gate policy: strict" in e.value.hint


def test_default_roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "configs").mkdir()
    assert default_roots(tmp_path) == (tmp_path / "configs", REPOSITORY / "configs")
    assert default_roots(REPOSITORY) == (REPOSITORY / "configs",)
    (tmp_path / "wheel" / "_configs").mkdir(parents=True)
    monkeypatch.setattr(folders, "_PACKAGE", tmp_path / "wheel")
    assert default_roots(tmp_path / "elsewhere") == (tmp_path / "wheel" / "_configs",)
