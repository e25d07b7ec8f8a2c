"""Starting localstripe, a stand-in for Stripe that others wrote, as a process of its own.

It speaks an older API: what the current one takes beyond it (the kinds of cards that are allowed,
the way back, a description) is left out before it looks. Run by itself with a port.
"""

import contextlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

SECRET_KEY = "sk_test_localstripe"
SECONDS_TO_START = 20
NOT_KNOWN_TO_IT = ("allowed_payment_method_types", "return_url", "description")


@contextlib.contextmanager
def running() -> Iterator[str]:
    """Its address, for as long as it runs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, __file__, str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port, server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)


def _wait_for(port: int, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline:
        assert server.poll() is None, "localstripe ended at once"
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/customers", timeout=1)
        except urllib.error.HTTPError:
            return  # it asks who calls: it is there
        except OSError:
            time.sleep(0.05)
    raise TimeoutError("localstripe does not answer")


def _serve(port: int) -> None:
    from aiohttp import web
    from localstripe import resources, server

    # Its books are kept in one file for everybody on the machine.
    resources.Store.dump_to_disk = lambda _store: None
    create = resources.PaymentIntent._api_create.__func__

    def as_it_knows(cls: type, **params: Any) -> Any:
        known = {name: value for name, value in params.items() if name not in NOT_KNOWN_TO_IT}
        return create(cls, **known)

    resources.PaymentIntent._api_create = classmethod(as_it_knows)
    web.run_app(server.app, host="127.0.0.1", port=port, print=None)


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
