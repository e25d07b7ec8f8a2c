"""Telling open pages that something of their account changed, over Redis.

Like every hint, it may be lost: pages that miss it catch up by polling.
"""

import json

from flask import current_app
from redis.exceptions import RedisError

CHANNELS = "portal:account:*"


def channel(account_id: int) -> str:
    return f"portal:account:{account_id}"


def publish(account_id: int, kind: str, **facts: str | int) -> None:
    """Send `kind` ("usage", "people", "invoice") to the account's open pages."""
    redis = current_app.extensions.get("portal.redis")
    if redis is None:
        return
    try:
        redis.publish(channel(account_id), json.dumps({"kind": kind, **facts}))
    except RedisError as error:
        current_app.logger.warning("open pages could not be told: %s", error)
