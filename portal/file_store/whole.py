"""Reading what was kept, and nothing else in its place."""

import hashlib
from collections.abc import Iterator

from portal.file_store.protocol import StoreFailed


def unchanged(pieces: Iterator[bytes], sha256: str) -> Iterator[bytes]:
    """All but the last piece as they come, the last once all are known to be the right ones.

    So a download of other bytes breaks off. Raises StoreFailed.
    """
    digest, held = hashlib.sha256(), b""
    for piece in pieces:
        if held:
            yield held
        digest.update(piece)
        held = piece
    if digest.hexdigest() != sha256:
        raise StoreFailed(f"the bytes are not those of {sha256}")
    yield held
