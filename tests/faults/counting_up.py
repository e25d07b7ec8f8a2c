"""What each process of a race does. Imports little: it is started many times."""

import importlib.util
from pathlib import Path

from sqlalchemy import create_engine, text

RECIPE = Path(__file__).parents[2] / "portal" / "engine.py"
EACH = 25


def add_many(url: str, writes: bool) -> None:
    """Read a number, add one, write it back, under the portal's engine recipe."""
    engine_recipe = _recipe()
    engine = create_engine(url, connect_args={"timeout": 10})
    for _ in range(EACH):
        try:
            with engine.connect().execution_options(**{engine_recipe: writes}) as connection:
                number = connection.execute(text("SELECT n FROM counter")).scalar_one()
                connection.execute(text("UPDATE counter SET n = :n"), {"n": number + 1})
                connection.commit()
        except Exception:  # noqa: S110  (without the remedy an update fails or is lost)
            pass


def _recipe() -> str:
    """Install the recipe without the rest of the portal; returns the name of its option."""
    spec = importlib.util.spec_from_file_location("recipe", RECIPE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    name: str = module.WRITES
    return name
