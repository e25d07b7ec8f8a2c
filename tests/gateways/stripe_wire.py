"""The stand-in for Stripe on the wire: requests read, faults made, answers and news written."""

import json
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

import stripe

API_VERSION = "2026-10-28.endive"
SECRET_KEY = "sk_test_stand_in"
WEBHOOK_SECRET = "whsec_stand_in"

JSON = dict[str, Any]


class Refused(Exception):
    """An error as the API words it."""

    def __init__(self, status: int, kind: str, message: str, **more: Any) -> None:
        self.status = status
        self.body = {"error": {"type": kind, "message": message, **more}}


@dataclass
class Fault:
    """What happens to the next request of a path: "500", "429", "drop" or "hang", before or after
    it was carried out."""

    path: str
    how: str
    after: bool


class Server(Protocol):
    """What is behind the wire."""

    is_away: bool
    faults: list[Fault]
    keys: dict[str, tuple[JSON, int, JSON]]
    answer: Callable[[str, str, JSON, str | None], tuple[int, JSON]]


def error_answer(status: int, kind: str, message: str, **more: Any) -> tuple[int, JSON]:
    return status, Refused(status, kind, message, **more).body


BROKEN = error_answer(500, "api_error", "An error occurred.")


def _nested(body: str) -> JSON:
    """metadata[a]=1 and names[0]=x as a tree."""
    tree: JSON = {}
    for name, value in parse_qsl(body, keep_blank_values=True):
        path = re.findall(r"[^\[\]]+", name)
        place = tree
        for part in path[:-1]:
            place = place.setdefault(part, {})
        place[path[-1]] = value
    return {name: _listed(value) for name, value in tree.items()}


def _listed(value: Any) -> Any:
    if isinstance(value, dict) and value and all(name.isdigit() for name in value):
        return [value[name] for name in sorted(value, key=int)]
    return value


def handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._serve("GET", urlsplit(self.path).query)

        def do_POST(self) -> None:
            self._serve("POST", self.rfile.read(int(self.headers["Content-Length"] or 0)).decode())

        def _serve(self, method: str, written: str) -> None:
            path = urlsplit(self.path).path
            if server.is_away:
                return self._go_wrong("drop")
            names = (path, f"{method} {path}")
            fault = next((one for one in server.faults if one.path in names), None)
            if fault is not None:
                server.faults.remove(fault)
            if self.headers["Authorization"] != f"Bearer {SECRET_KEY}":
                return self._send(*error_answer(401, "invalid_request_error", "Invalid API Key"))
            assert self.headers["Stripe-Version"] == API_VERSION
            key, params = self.headers["Idempotency-Key"], _nested(written)
            done = (0, {})
            if fault is None or fault.after:
                done = server.answer(method, path, params, key)
            if fault is None:
                return self._send(*done)
            if fault.how == "500" and method == "POST" and key:
                server.keys[key] = (params, *BROKEN)
            return self._go_wrong(fault.how)

        def _go_wrong(self, how: str) -> None:
            if how == "500":
                self._send(*BROKEN)
            elif how == "429":
                more = {"code": "rate_limit"}
                self._send(*error_answer(429, "invalid_request_error", "Too many requests", **more))
            elif how == "nonsense":
                self._send(200, ["not", "an", "object"])
            else:
                if how == "hang":
                    time.sleep(1)
                self.close_connection = True
                self.connection.close()

        def _send(self, status: int, body: Any) -> None:
            written = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(written)))
            self.send_header("Request-Id", f"req_{secrets.token_hex(6)}")
            self.end_headers()
            self.wfile.write(written)

        def log_message(self, format: str, *args: Any) -> None:
            """Silence."""

    return Handler


def signed(event: JSON, *, secret: str = WEBHOOK_SECRET, age_seconds: int = 0) -> tuple[str, str]:
    """An event's body and the header Stripe-Signature that goes with it."""
    body = json.dumps(event)
    at = int(time.time()) - age_seconds
    header = stripe.WebhookSignature.generate_signature_header(body, secret, timestamp=at)
    return body, header
