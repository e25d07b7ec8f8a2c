"""A Redis of a test's own, that can be stopped and emptied."""

import subprocess
import time
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from portal.supervisor import programs
from portal.supervisor.place import Place


class RedisServer:
    """Started on a private socket; `stop` and `start` as often as a test likes."""

    def __init__(self, folder: Path) -> None:
        self.place = Place(port=0, host="127.0.0.1", data=folder)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return programs.redis_url(self.place)

    def start(self) -> None:
        self.process = subprocess.Popen(programs.redis(self.place).command)
        until = time.monotonic() + 10
        while not self._answers():
            if time.monotonic() > until:
                raise TimeoutError("Redis did not start")
            time.sleep(0.02)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def client(self) -> Redis:
        return Redis.from_url(self.url)

    def _answers(self) -> bool:
        try:
            return bool(self.client().ping())
        except RedisError:
            return False
