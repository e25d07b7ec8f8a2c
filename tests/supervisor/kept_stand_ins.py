"""Keeps the programs given as JSON on the command line; what the tests start and kill."""

import asyncio
import json
import os
import sys
from pathlib import Path

# The keeper alone: loading the portal for every stand-in would take the tests minutes.
sys.path.insert(0, str(Path(__file__).parents[2] / "portal" / "supervisor"))

from keeper import Keeper, Program, keep_until_told


async def _bring_up(keeper: Keeper, programs: list[Program]) -> None:
    for program in programs:
        keeper.keep(program)
    print("supervisor | up", flush=True)


def _tell(name: str, line: str) -> None:
    print(f"{name} | {line}", flush=True)


async def _main() -> None:
    keeper = Keeper(environ=os.environ, tell=_tell)
    programs = [Program(**given) for given in json.loads(sys.argv[1])]
    await keep_until_told(keeper, _bring_up(keeper, programs))


if __name__ == "__main__":
    asyncio.run(_main())
