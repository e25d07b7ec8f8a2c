"""SQLite with several writers: no update is lost and none fails."""

import multiprocessing
from pathlib import Path

from sqlalchemy import create_engine, text

from portal.engine import WRITES
from tests.faults.counting_up import EACH, add_many

PROCESSES = 4
SPAWN = multiprocessing.get_context("spawn")


def test_f3_no_update_is_lost_on_sqlite(tmp_path: Path) -> None:
    """Four processes read a number, add one and write it back."""
    assert _count_up(tmp_path, writes=True) == PROCESSES * EACH


def test_f3_without_the_remedy_updates_are_lost_or_fail(tmp_path: Path) -> None:
    """The same with the plain BEGIN of a reading transaction: this is what the remedy is for."""
    # On a busy machine they may happen to take turns; not time and again.
    counted = (_count_up(tmp_path, writes=False) for _ in range(10))
    assert any(count < PROCESSES * EACH for count in counted)


def _count_up(folder: Path, *, writes: bool) -> int:
    url = f"sqlite:///{folder / 'count.sqlite3'}"
    engine = create_engine(url)
    with engine.connect().execution_options(**{WRITES: True}) as connection:
        connection.execute(text("DROP TABLE IF EXISTS counter"))
        connection.execute(text("CREATE TABLE counter (n INTEGER)"))
        connection.execute(text("INSERT INTO counter VALUES (0)"))
        connection.commit()
    workers = [SPAWN.Process(target=add_many, args=(url, writes)) for _ in range(PROCESSES)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT n FROM counter")).scalar_one())
