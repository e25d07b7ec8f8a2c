"""What holds everywhere in the code, whoever wrote it."""

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from flask import Flask
from sqlalchemy import Float, Numeric

from portal.extensions import db
from portal.web import page_context, principals
from portal.web.access import required_permission
from portal.web.permissions import EVERYONE

PORTAL = Path(__file__).parent.parent / "portal"
TEMPLATES = PORTAL / "templates"
# Emails carry their style sheet with them: nothing else travels along.
WITH_STYLE_SHEET = {TEMPLATES / "notices" / "_layout.html"}
INLINE = re.compile(
    r"""<style|<script(?![^>]*\bsrc=)|\sstyle\s*=|\son[a-z]+\s*=\s*["']|javascript:"""
)
UNESCAPED = re.compile(r"\|\s*safe\b|\bMarkup\(|autoescape\s+false")
TIME = re.compile(
    r"\.now\((UTC|timezone)|utcnow\(|\.today\(|\btime\.time\(|func\.now\(|CURRENT_TIMESTAMP"
)
# What layouts have filled in; every other block is a region.
FRAME = {"title", "body_class", "page", "main", "below", "message", "way_on"}
LETTER = {"preheader", "heading", "content", "footer"}
REGION = re.compile(r"{% block (?P<name>\w+)[^%]*%}[^<]*(?P<root><[a-z][^<]*)?")
LONGEST_FUNCTION = 40
# What nobody pulls: a while that has passed, and news of the account.
PULLS_ITSELF = re.compile(r"\b(?:every|load|sse:|refresh|revealed|intersect)")
BY_ITSELF = "{{ ui.by_itself() }}"
TEMPLATE_WORDS = re.compile(r"{%.*?%}|{#.*?#}", re.DOTALL)
TEMPLATE_VALUES = re.compile(r"{{.*?}}", re.DOTALL)
ASKS = {"hx-get", "hx-post", "hx-put", "hx-patch", "hx-delete"}
VOID = {"area", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}


class _Asking(HTMLParser):
    """The elements of a template that ask by htmx: which by themselves, which marked so, and which
    within a marked one."""

    def __init__(self) -> None:
        super().__init__()
        self.by_themselves: list[str] = []
        self.marked: list[str] = []
        self.within: list[str] = []
        self._open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given, text = dict(attrs), self.get_starttag_text() or ""
        is_marked = "by-itself" in given
        if PULLS_ITSELF.search(given.get("hx-trigger") or ""):
            self.by_themselves.append(text)
        if is_marked:
            self.marked.append(text)
        if ASKS & given.keys() and any(marked for _, marked in self._open):
            self.within.append(text)
        if tag not in VOID:
            self._open.append((tag, is_marked))

    def handle_endtag(self, tag: str) -> None:
        """Of two branches of a template, one may open what both close."""
        at = next((n for n, (name, _) in reversed([*enumerate(self._open)]) if name == tag), None)
        del self._open[len(self._open) if at is None else at :]


def _asking(path: Path) -> _Asking:
    source = path.read_text(encoding="utf-8").replace(BY_ITSELF, "by-itself")
    found = _Asking()
    found.feed(TEMPLATE_VALUES.sub("value", TEMPLATE_WORDS.sub("", source)))
    return found


def _python() -> Iterator[Path]:
    yield from PORTAL.rglob("*.py")
    yield PORTAL.parent / "worker.py"


def _markup() -> list[Path]:
    return [path for path in TEMPLATES.rglob("*") if path.suffix in (".html", ".txt")]


def _hits(pattern: re.Pattern[str], paths: Iterator[Path] | list[Path]) -> list[str]:
    return [
        f"{path.relative_to(PORTAL.parent)}: {found.group().strip()}"
        for path in paths
        for found in pattern.finditer(path.read_text(encoding="utf-8"))
    ]


def test_every_route_says_what_it_needs(app: Flask) -> None:
    silent = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if required_permission(app.view_functions[rule.endpoint]) is None
    }
    assert silent == {"static"}


def test_every_page_of_an_account_is_somewhere_in_the_navigation(app: Flask) -> None:
    places = {endpoint.partition(".")[0] for endpoint, _, _ in page_context.PLACES}
    assert set(page_context.WITHIN.values()) <= places
    nowhere = {
        rule.endpoint.partition(".")[0]
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ())
        and required_permission(app.view_functions[rule.endpoint]) not in {None, *EVERYONE}
    } - {*places, *page_context.WITHIN}
    assert nowhere == {"live"}, "parts of pages, which have no frame"


def test_templates_have_no_style_and_no_script_of_their_own() -> None:
    assert _hits(INLINE, [path for path in _markup() if path not in WITH_STYLE_SHEET]) == []


def test_nothing_is_put_on_a_page_unescaped() -> None:
    assert _hits(UNESCAPED, [*_markup(), *_python()]) == []


def test_only_the_clock_reads_time() -> None:
    assert _hits(TIME, [path for path in _python() if path != PORTAL / "clock.py"]) == []


def test_no_column_rounds() -> None:
    rounding = [
        str(column)
        for table in db.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, Numeric | Float)
    ]
    assert rounding == []


def test_a_region_has_its_own_name_as_its_id() -> None:
    """Else htmx would put it where it does not belong, or nowhere."""
    regions = {
        (path.name, found["name"]): found["root"] or ""
        for path in _markup()
        for found in REGION.finditer(path.read_text(encoding="utf-8"))
        if found["name"] not in FRAME | LETTER
    }
    assert regions
    for (path, name), root in regions.items():
        assert f'id="{name.replace("_", "-")}"' in root, f"{path}: {name} begins with {root}"


def test_what_a_page_asks_for_by_itself_says_so() -> None:
    """Else a page left open keeps somebody signed in. htmx has everything within say it too, so
    nothing in there may ask by htmx for a person."""
    found = {path: _asking(path) for path in _markup()}
    assert any(each.marked for each in found.values())
    for path, each in found.items():
        assert each.by_themselves == each.marked, path
        assert each.within == [], path
    marked = (TEMPLATES / "components" / "ui.html").read_text(encoding="utf-8")
    assert f"""hx-headers='{{"{principals.BY_ITSELF}": "yes"}}'""" in marked


def test_functions_are_short() -> None:
    long = [
        f"{path.relative_to(PORTAL.parent)}: {node.name}"
        for path in _python()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= LONGEST_FUNCTION
    ]
    assert long == []
