"""What a sabotage is: one place made wrong on purpose, and the tests that must see it."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Sabotage:
    """In `file`, `old` becomes `new`. `breaks` ends the sentence "With this, …".

    Each of `tests` (pytest's ids, without parameters) has to fail. `database` is the one on which
    it shows, where it doesn't on SQLite.
    """

    name: str
    breaks: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    database: str = "sqlite"

    def applied_to(self, text: str) -> str:
        """The file with the sabotage in it; ValueError unless `old` is there exactly once."""
        found = text.count(self.old)
        if found != 1:
            raise ValueError(f"{self.name}: its text is {found} times in {self.file}, not once")
        return text.replace(self.old, self.new)
