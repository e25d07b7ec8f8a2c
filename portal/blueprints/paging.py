"""Which page of a list an address asks for."""

from dataclasses import dataclass

from flask import request


@dataclass(frozen=True)
class Paging:
    """A list of `total` rows, `length` to a page; `number` counts from 1."""

    number: int
    total: int
    length: int

    @classmethod
    def asked(cls, total: int, length: int) -> "Paging":
        """The page asked for, or the nearest there is."""
        last = max(1, -(-total // length))
        return cls(min(max(request.args.get("page", 1, type=int), 1), last), total, length)

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.length))

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.length
