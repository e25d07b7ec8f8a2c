"""Where a portal runs is said by PORT and PORTAL_DATA, and what is wrong by one sentence."""

import os
import shutil
import socket
import tempfile
from pathlib import Path

import pytest

from portal.supervisor.place import SOCKET_PATH_BYTES, CannotStart, Place


@pytest.fixture
def taken_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def place(data: Path, port: int = 8000) -> Place:
    return Place(port=port, host="127.0.0.1", data=data)


@pytest.mark.parametrize("written", ["abc", "0", "65536", "-1", "80 80", "٨٠٠٠"])
def test_a_port_that_is_none_is_refused(written):
    with pytest.raises(CannotStart, match="PORT must be a number from 1 to 65535"):
        Place.from_environ({"PORT": written})


def test_what_is_wrong_is_one_sentence_and_no_traceback(start, tmp_path):
    running = start("-m", "portal.supervisor", PORT="abc", PORTAL_DATA=str(tmp_path))
    assert running.ended() == 1
    assert running.text == "PORT must be a number from 1 to 65535, not 'abc'."


def test_a_port_in_use_is_one_sentence(start, tmp_path, taken_port):
    running = start("-m", "portal.supervisor", PORT=str(taken_port), PORTAL_DATA=str(tmp_path))
    assert running.ended() == 1
    assert len(running.text.splitlines()) == 1
    assert f"Port {taken_port} on 127.0.0.1 can't be used" in running.text
    assert "make run PORT=" in running.text


def test_a_data_folder_that_cannot_be_made_is_one_sentence(start, tmp_path):
    (tmp_path / "file").touch()
    running = start("-m", "portal.supervisor", PORTAL_DATA=str(tmp_path / "file" / "var"))
    assert running.ended() == 1
    assert len(running.text.splitlines()) == 1
    assert "choose another with PORTAL_DATA=" in running.text


def test_two_portals_never_share_a_data_folder(tmp_path):
    with place(tmp_path).claim(), pytest.raises(CannotStart, match="in use by another portal"):
        place(tmp_path).claim()


def test_what_is_left_of_a_killed_run_is_waited_for(start, tmp_path):
    held = "import fcntl, sys, time; f = open(sys.argv[1], 'a'); fcntl.flock(f, fcntl.LOCK_EX);"
    lock = str(tmp_path / "supervisor.lock")
    leftover = start("-c", f"{held} print('holds'); time.sleep(1)", lock)
    leftover.wait_for("holds")
    place(tmp_path).claim().close()
    assert leftover.ended() == 0


def test_relative_folders_are_where_the_portal_was_started(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert Place.from_environ({"PORTAL_DATA": "data"}).data == tmp_path / "data"
    assert Place.from_environ({}).data == tmp_path / "var"


def test_redis_listens_in_the_data_folder(tmp_path):
    assert place(tmp_path).redis_socket == tmp_path / "redis.sock"


def test_redis_listens_elsewhere_when_the_path_is_too_long(monkeypatch, tmp_path):
    # As short as the real one: pytest's folders leave no room for a socket's name.
    short = tempfile.mkdtemp(prefix="run")
    monkeypatch.setenv("XDG_RUNTIME_DIR", short)
    far, further = tmp_path / ("d" * 120), tmp_path / ("e" * 120)
    chosen = place(far).redis_socket
    assert len(os.fsencode(chosen)) <= SOCKET_PATH_BYTES
    assert chosen == place(far).redis_socket
    assert chosen != place(further).redis_socket
    assert chosen.parent.stat().st_mode & 0o077 == 0
    shutil.rmtree(short)


def test_a_runtime_folder_open_to_others_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "portal").mkdir()
    (tmp_path / "portal").chmod(0o755)
    with pytest.raises(CannotStart, match="open to others"):
        assert place(tmp_path / ("d" * 120)).redis_socket


def test_the_secret_key_is_made_once_and_for_its_owner_only(tmp_path):
    path = place(tmp_path).secret_key_file()
    key = path.read_text()
    assert len(key) == 64
    assert path.stat().st_mode & 0o777 == 0o600
    assert place(tmp_path).secret_key_file().read_text() == key
    assert [file.name for file in tmp_path.iterdir()] == ["secret_key"]
