"""The worker process: takes ids of due work from Redis and does each in a forked process.

The app and the PDF renderer are loaded once, here, so that a job starts at once. Losing Redis
loses nothing: the worker waits until it is back.
"""

import importlib
import logging
import signal
import sys
import time
from itertools import chain, repeat

from flask import Flask
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, Worker
from rq.job import Job
from rq.serializers import JSONSerializer

from portal import create_app, queue
from portal.config import ConfigError, Settings
from portal.extensions import db
from portal.papers import making

LONGEST_PAUSE_SECONDS = 5.0

log = logging.getLogger("portal.worker")


class PortalWorker(Worker):
    """RQ's forking worker; its jobs run in the app's context, on connections of their own."""

    app: Flask
    # Redis away: ask again soon, the work in the database waits.
    max_connection_wait_time = LONGEST_PAUSE_SECONDS

    @property
    def told_to_stop(self) -> bool:
        return self._shutdown_requested_date is not None

    def fork_work_horse(self, job: Job, queue: Queue) -> None:
        making.keep_ready()
        super().fork_work_horse(job, queue)

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        with self.app.app_context():
            for engine in db.engines.values():
                engine.dispose(close=False)
            super().main_work_horse(job, queue)


class _RedisInOneLine(logging.Filter):
    """That Redis went away is no fault of ours: a line of log, without where we were."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], RedisError):
            record.exc_info = None
        return True


def main() -> int:
    """Work until told to stop; returns the exit status."""
    logging.basicConfig(format="%(levelname)s %(message)s", level=logging.WARNING)
    logging.getLogger("rq.worker").addFilter(_RedisInOneLine())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        settings = Settings.from_env()
        app = create_app(settings)
    except ConfigError as problem:
        print(problem, file=sys.stderr)
        return 1
    if settings.redis_url is None:
        print("REDIS_URL is not set: the worker has nowhere to take work from.", file=sys.stderr)
        return 1
    return _work(app, queue.connect(settings.redis_url))


def _work(app: Flask, connection: Redis) -> int:
    PortalWorker.app = app
    _load_what_jobs_need()
    while True:
        _wait_for(connection)
        try:
            worker = PortalWorker(
                [queue.NAME],
                connection=connection,
                serializer=JSONSerializer,
                worker_ttl=60,
                maintenance_interval=30,
                job_monitoring_interval=10,
            )
            worker.work(logging_level="WARNING")
            if worker.told_to_stop:
                return 0
        except RedisError as error:
            log.warning("Redis went away: %s", error)


def _load_what_jobs_need() -> None:
    """Imports and fonts that take seconds, paid once here instead of in every job."""
    importlib.import_module(queue.PERFORM.rpartition(".")[0])
    making.warm_up()


def _wait_for(connection: Redis) -> None:
    pauses = chain((0.1, 0.2, 0.5, 1.0, 2.0), repeat(LONGEST_PAUSE_SECONDS))
    for attempt, pause in enumerate(pauses):
        try:
            connection.ping()
            return
        except RedisError as error:
            if attempt == 3:
                log.warning("waiting for Redis: %s", error)
            time.sleep(pause)


if __name__ == "__main__":
    sys.exit(main())
