"""What a document's page is made of: its template filled in, and the paper of whoever prints it."""

from flask import current_app

from portal.config import Settings
from portal.language import gettext as _
from portal.papers import page
from portal.papers.parts import Party


def html(template: str, **facts: object) -> str:
    """The page as HTML, in the language spoken now; `template` is a file of templates/pdf without
    its ending."""
    # Not flask.render_template: what pages share (navigation, who is signed in) has no place here.
    found = current_app.jinja_env.get_template(f"pdf/{template}.html")
    return found.render(facts, direction=page.direction, page_words=_page_words())


def paper(customer: Party, vendor: Party) -> str:
    """ "A4" or "Letter". Whoever prints it is the customer."""
    settings: Settings = current_app.config["PORTAL"]
    if settings.paper != page.AUTO:
        return settings.paper
    return page.paper_of(customer.country or vendor.country)


def _page_words() -> list[str]:
    """What stands before, between and after the numbers at the foot of each page: which those are
    the sheet counts."""
    gap = "\0"
    return _("Page %(number)s of %(count)s", number=gap, count=gap).split(gap)
