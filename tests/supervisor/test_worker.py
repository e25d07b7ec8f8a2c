"""The worker takes work while there is a Redis, and waits for one while there is none."""

import signal
import subprocess
import time

import pytest
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.serializers import JSONSerializer

from portal.supervisor import programs
from portal.supervisor.place import Place

REPORT = "tests.supervisor.stand_in_jobs.report"
FASTER_THAN_A_LOADING = 3.0


@pytest.fixture
def place(tmp_path):
    return Place(port=8000, host="127.0.0.1", data=tmp_path)


@pytest.fixture
def start_redis(place):
    started = []

    def _start():
        started.append(subprocess.Popen(programs.redis(place).command))
        wait_for_redis(place)
        return started[-1]

    yield _start
    for server in started:
        server.terminate()
        server.wait()


@pytest.fixture
def start_worker(start, place):
    def _start():
        url = programs.redis_url(place)
        return start("worker.py", REDIS_URL=url, PORTAL_DATA=str(place.data), DATABASE_URL="")

    return _start


def wait_for_redis(place):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            return Redis(unix_socket_path=str(place.redis_socket)).ping()
        except RedisError:
            time.sleep(0.05)
    return pytest.fail("Redis did not start")


def enqueue(place, note):
    redis = Redis(unix_socket_path=str(place.redis_socket))
    Queue("portal", connection=redis, serializer=JSONSerializer).enqueue(REPORT, note)


def test_a_job_runs_in_the_app_in_a_process_of_its_own(start_redis, start_worker, place):
    start_redis()
    worker = start_worker()
    enqueue(place, "first")
    found = worker.wait_for(r"first in portal by (\d+): loaded=True unshared=True")
    assert int(found[1]) != worker.process.pid
    asked = time.monotonic()
    enqueue(place, "second")
    worker.wait_for("second in portal")
    assert time.monotonic() - asked < FASTER_THAN_A_LOADING
    worker.send(signal.SIGTERM)
    assert worker.ended() == 0
    assert len(worker.text.splitlines()) == 2


def test_it_waits_for_a_redis_that_comes_late(start_redis, start_worker, place):
    worker = start_worker()
    worker.wait_for("waiting for Redis")
    start_redis()
    enqueue(place, "late")
    worker.wait_for("late in portal")


def test_it_goes_on_after_redis_was_killed(start_redis, start_worker, place):
    redis = start_redis()
    worker = start_worker()
    enqueue(place, "before")
    worker.wait_for("before in portal")
    redis.kill()
    redis.wait()
    worker.wait_for("Redis")
    start_redis()
    enqueue(place, "after")
    worker.wait_for("after in portal")
    assert "Traceback" not in worker.text


def test_it_ends_at_once_when_told_while_waiting(start_worker):
    worker = start_worker()
    worker.wait_for("waiting for Redis")
    worker.send(signal.SIGTERM)
    assert worker.ended(5) == 0
    assert "Traceback" not in worker.text


def test_without_a_redis_to_ask_it_says_so(start):
    worker = start("worker.py", REDIS_URL="")
    assert worker.ended() == 1
    assert worker.text == "REDIS_URL is not set: the worker has nowhere to take work from."
