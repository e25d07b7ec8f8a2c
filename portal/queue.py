"""Handing due work to the worker processes, by RQ.

A hint and nothing more: the truth is the outbox row. When Redis is away the hint is lost, and
the scheduler's next sweep hands the row out again.
"""

from flask import current_app
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue
from rq.exceptions import DuplicateJobError
from rq.serializers import JSONSerializer

NAME = "portal"
PERFORM = "portal.jobs.entry.perform"
JOB_SECONDS = 600
# A failed item may be handed out again this long after; the row says what went wrong.
FAILED_SECONDS = 30
# Pages must answer without Redis: no call may hang on it.
CONNECT_SECONDS = 0.3


def connect(url: str) -> Redis:
    """A client that gives up at once when the server is away."""
    return Redis.from_url(
        url,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=5,
        retry=Retry(NoBackoff(), 0),
    )


def hand_out(sweep: str, subject_id: int) -> bool:
    """Ask a worker to do an item of a sweep; False when nobody could be asked.

    An item that is in the queue already isn't put there again.
    """
    redis = current_app.extensions.get("portal.redis")
    if redis is None:
        return False
    try:
        Queue(NAME, connection=redis, serializer=JSONSerializer).enqueue(
            PERFORM,
            sweep,
            subject_id,
            job_id=f"{sweep}-{subject_id}",
            unique=True,
            job_timeout=JOB_SECONDS,
            result_ttl=0,
            failure_ttl=FAILED_SECONDS,
        )
    except DuplicateJobError:
        return True
    except RedisError as error:
        current_app.logger.warning("no worker could be woken: %s", error)
        return False
    return True
