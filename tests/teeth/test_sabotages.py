"""The list of sabotages stays true: each still finds its place, and the tests it asks exist."""

import ast
from functools import cache

import pytest

from tests.teeth.sabotage import ROOT, Sabotage
from tests.teeth.sabotages import SABOTAGES


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda sabotage: sabotage.name)
def test_a_sabotage_finds_its_place(sabotage: Sabotage) -> None:
    whole = (ROOT / sabotage.file).read_text(encoding="utf-8")
    broken = sabotage.applied_to(whole)
    assert broken != whole
    compile(broken, sabotage.file, "exec", dont_inherit=True)


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda sabotage: sabotage.name)
def test_the_tests_it_asks_exist(sabotage: Sabotage) -> None:
    assert sabotage.tests
    for test in sabotage.tests:
        file, _, name = test.partition("::")
        assert name in functions_of(file)


def test_each_has_its_own_name() -> None:
    assert len({sabotage.name for sabotage in SABOTAGES}) == len(SABOTAGES)


@cache
def functions_of(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))
