"""Folders of fonts: nothing of them stays, however the process that had them ends."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from portal.papers import font_folders

HOLD = """
import sys, time
from portal.papers import font_folders
folder = font_folders.of_process()
(folder / "font").write_bytes(b"x")
print(folder, flush=True)
sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def _own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def holding(tmp_path: Path) -> subprocess.Popen[str]:
    """A process that has a folder, and ends when it is told a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith(str(tmp_path / font_folders.PREFIX))
    return process


def test_what_a_killed_process_left_goes_when_the_next_one_comes(tmp_path: Path) -> None:
    process = holding(tmp_path)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=10)
    (left,) = tmp_path.iterdir()
    with font_folders.held() as folder:
        assert list(tmp_path.iterdir()) == [folder]
        assert folder != left
    assert list(tmp_path.iterdir()) == []


def test_what_is_held_stays(tmp_path: Path) -> None:
    process = holding(tmp_path)
    try:
        with font_folders.held() as folder:
            assert len(list(tmp_path.iterdir())) == 2
        (theirs,) = tmp_path.iterdir()
        assert (theirs / "font").exists()
        assert theirs != folder
    finally:
        process.communicate("end\n", timeout=10)
    assert list(tmp_path.iterdir()) == [], "who ends by itself takes it along"


def test_a_fork_keeps_it_and_leaves_it(tmp_path: Path) -> None:
    with font_folders.held() as folder:
        child = os.fork()
        if child == 0:
            time.sleep(60)
            os._exit(0)
        try:
            with font_folders.held():
                assert folder.exists()
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        assert folder.exists()


def test_what_others_put_there_is_left_alone(tmp_path: Path) -> None:
    """A folder without a lock, a file, a link: none of them is one of these."""
    strange = [tmp_path / f"{font_folders.PREFIX}{name}" for name in ("folder", "file", "link")]
    strange[0].mkdir()
    strange[1].write_text("x")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").write_text("x")
    strange[2].symlink_to(elsewhere)
    with font_folders.held():
        assert all(path.exists() for path in strange)
    assert (elsewhere / "kept").exists()
