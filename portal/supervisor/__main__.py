"""Starts the portal and keeps it running until told to end."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping

from portal.config import ConfigError, Settings
from portal.supervisor import answers, programs
from portal.supervisor.keeper import Keeper, keep_until_told
from portal.supervisor.place import CannotStart, Place
from portal.supervisor.preparation import Preparation

NAME_WIDTH = 9
WEB_ALONE_SECONDS = 10.0


def main() -> int:
    """Run the portal of the environment's settings; returns the exit status."""
    try:
        place = Place.from_environ(os.environ)
        with place.claim() as lock:
            place.check_port()
            portal = _Portal(place)
            keeper = Keeper(environ=portal.environ, tell=_tell, inherited=[lock.fileno()])
            asyncio.run(keep_until_told(keeper, portal.bring_up(keeper)))
    except (CannotStart, ConfigError) as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


class _Portal:
    """The programs of one place, in the order in which they come up."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.own_redis = programs.needs_redis(os.environ)
        self.environ = _environ_for(place, own_redis=self.own_redis)
        self.settings = Settings.from_env(self.environ)
        self.preparation = Preparation(self.environ, with_example=self.settings.is_sandbox)

    async def bring_up(self, keeper: Keeper) -> None:
        if self.own_redis:
            keeper.keep(programs.redis(self.place))
        sign_ins = await self.preparation.finish()
        if self.own_redis:
            await answers.redis(self.place)
        keeper.keep(programs.web(self.place, self.settings))
        # Pages first: four processes loading at once would keep people waiting for all of them.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(answers.web(self.place), WEB_ALONE_SECONDS)
        for program in (*programs.workers(self.environ), programs.scheduler()):
            keeper.keep(program)
        await answers.web(self.place)
        self._show_the_way(sign_ins)

    def _show_the_way(self, sign_ins: str) -> None:
        print(f"\nThe portal runs at {self.settings.base_url}")
        print(f"Its data is in {self.place.data}. Ctrl-C ends it.")
        print(f"\n{sign_ins}" if sign_ins else "", flush=True)


def _environ_for(place: Place, *, own_redis: bool) -> Mapping[str, str]:
    """The settings the programs get: what was given, and what this place adds."""
    given = dict(os.environ)
    given |= {"PORT": str(place.port), "PORTAL_DATA": str(place.data), "PYTHONUNBUFFERED": "1"}
    if own_redis:
        given["REDIS_URL"] = programs.redis_url(place)
    has_secret = given.get("SECRET_KEY") or given.get("SECRET_KEY_FILE")
    if not has_secret and given.get("PORTAL_MODE", "sandbox") == "sandbox":
        given["SECRET_KEY_FILE"] = str(place.secret_key_file())
    return given


def _tell(name: str, line: str) -> None:
    print(f"{name:<{NAME_WIDTH}} | {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
