"""Every test here types into a folder of its own."""

from pathlib import Path

import pytest

from tests.support.shell import BUSY


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder, which is the current one; nothing of this machine's user is seen."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    return project


@pytest.fixture
def busy(folder: Path) -> Path:
    """Return a folder whose configuration trades often on a short market."""
    (folder / "config.toml").write_text(BUSY)
    return folder
