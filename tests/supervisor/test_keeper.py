"""Programs are kept running while the supervisor runs, and end with it, however it ends."""

import os
import signal
import sys
import time

import pytest

from .conftest import wait_until_gone

ON_AND_ON = "import os, time; print('pid', os.getpid()); time.sleep(600)"
STUBBORN = (
    "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('pid', os.getpid()); time.sleep(600)"
)
SAYS_WHEN_IT_ENDS = """
import signal, sys, time
def end(*_):
    time.sleep(0.2)
    print('ended in order')
    sys.exit()
signal.signal(signal.SIGTERM, end)
print('started')
time.sleep(600)
"""

on_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="needs /proc and parent-death signals"
)


@pytest.mark.parametrize(
    ("ending", "told"),
    [
        ("raise SystemExit(0)", "status 0"),
        ("raise SystemExit(3)", "status 3"),
        ("import os; os.kill(os.getpid(), 9)", "SIGKILL"),
    ],
)
def test_starts_again_what_ends_however_it_ends(keep, ending, told):
    running = keep({"name": "web", "command": f"print('started'); {ending}"})
    running.wait_for(r"web \| started")
    running.wait_for(rf"web \| ended \({told}\); starting again in 0.5 s")
    running.wait_for(r"web \| started")


def test_waits_longer_each_time_a_program_ends_at_once(keep):
    running = keep({"name": "web", "command": "raise SystemExit(1)"})
    for pause in ("0.5", "1", "2"):
        running.wait_for(rf"starting again in {pause} s")


def test_a_command_that_is_missing_is_told_and_tried_again(start):
    programs = '[{"name": "redis", "command": ["/nowhere/redis-server"]}]'
    running = start("tests/supervisor/kept_stand_ins.py", programs)
    running.wait_for(r"redis \| ended \(/nowhere/redis-server: No such file or directory\)")
    running.wait_for(r"starting again in 1 s")


def test_a_killed_program_leaves_nothing_behind_to_hold_its_port(keep):
    with_a_child = (
        "import os, subprocess, sys, time;"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        "print('pids', os.getpid(), child.pid); time.sleep(600)"
    )
    running = keep({"name": "web", "command": with_a_child})
    leader, child = map(int, running.wait_for(r"pids (\d+) (\d+)").groups())
    os.kill(leader, signal.SIGKILL)
    running.wait_for("starting again")
    wait_until_gone(leader, child)


def test_lines_carry_the_name_of_their_program_and_may_be_huge(keep):
    running = keep({"name": "web", "command": f"print('x' * 3_000_000); {ON_AND_ON}"})
    running.wait_for(r"web \| \(a line too long to show\)")
    running.wait_for(r"web \| pid \d+")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_one_signal_ends_everything_quickly_and_quietly(keep, number):
    running = keep(*({"name": name, "command": ON_AND_ON} for name in ("web", "worker")))
    pids = [int(running.wait_for(r"pid (\d+)")[1]) for _ in range(2)]
    sent = time.monotonic()
    running.send(number)
    assert running.ended() == 0
    assert time.monotonic() - sent < 5
    wait_until_gone(*pids)
    assert [line for line in running.text.splitlines() if "pid" not in line] == ["supervisor | up"]


def test_programs_end_in_their_order(keep):
    running = keep(
        {"name": "redis", "command": SAYS_WHEN_IT_ENDS, "ends": 2},
        {"name": "worker", "command": SAYS_WHEN_IT_ENDS, "ends": 1},
        {"name": "web", "command": SAYS_WHEN_IT_ENDS},
    )
    for _ in range(3):
        running.wait_for(r"\| started")
    running.send(signal.SIGINT)
    assert running.ended() == 0
    endings = [line for line in running.text.splitlines() if line.endswith("ended in order")]
    assert [line.split()[0] for line in endings] == ["web", "worker", "redis"]


def test_a_program_that_will_not_end_is_killed_when_patience_is_over(keep):
    running = keep({"name": "web", "command": STUBBORN, "patience_seconds": 0.5})
    pid = int(running.wait_for(r"pid (\d+)")[1])
    running.send(signal.SIGTERM)
    assert running.ended() == 0
    wait_until_gone(pid)


def test_a_second_ctrl_c_waits_for_nobody(keep):
    running = keep({"name": "web", "command": STUBBORN, "patience_seconds": 600})
    pid = int(running.wait_for(r"pid (\d+)")[1])
    running.send(signal.SIGINT)
    time.sleep(0.5)
    assert running.process.poll() is None
    running.send(signal.SIGINT)
    assert running.ended(10) == 0
    wait_until_gone(pid)


@on_linux
def test_programs_end_when_the_supervisor_is_killed(keep):
    running = keep(*({"name": name, "command": ON_AND_ON} for name in ("web", "worker")))
    pids = [int(running.wait_for(r"pid (\d+)")[1]) for _ in range(2)]
    running.send(signal.SIGKILL)
    assert running.ended() == -signal.SIGKILL
    wait_until_gone(*pids)
