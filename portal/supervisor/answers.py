"""Waiting until a program answers, without which the next one would start in vain."""

import asyncio

from portal.supervisor.place import CannotStart, Place

PAUSE_SECONDS = 0.1
REDIS_SECONDS = 20.0


async def redis(place: Place) -> None:
    """Wait until the portal's own Redis serves; raises CannotStart when it doesn't."""
    try:
        async with asyncio.timeout(REDIS_SECONDS):
            while not await _redis_serves(place):
                await asyncio.sleep(PAUSE_SECONDS)
    except TimeoutError as error:
        raise CannotStart(
            f"Redis does not start: the reason is at the end of {place.data / 'redis.log'}."
        ) from error


async def web(place: Place) -> None:
    """Wait until the portal answers that it is well, for as long as that takes."""
    while not await _web_is_well(place):
        await asyncio.sleep(PAUSE_SECONDS)


async def _redis_serves(place: Place) -> bool:
    try:
        reader, writer = await asyncio.open_unix_connection(str(place.redis_socket))
    except OSError:
        return False
    return (await _ask(reader, writer, b"PING\r\n")).startswith(b"+PONG")


async def _web_is_well(place: Place) -> bool:
    try:
        reader, writer = await asyncio.open_connection(place.host, place.port)
    except OSError:
        return False
    question = f"GET /healthz HTTP/1.0\r\nHost: {place.host}:{place.port}\r\n\r\n"
    return b" 200 " in await _ask(reader, writer, question.encode())


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, question: bytes
) -> bytes:
    """The first line of the answer; empty when the connection is lost."""
    try:
        writer.write(question)
        return await reader.readline()
    except OSError:
        return b""
    finally:
        writer.close()
