"""Why what was to go at the end of a cycle stays: without it the plan is too small by then."""

from __future__ import annotations

from collections.abc import Sequence

from portal.billing.rules import describe
from portal.billing.rules.counting import Fit
from portal.billing.rules.terms import Item
from portal.language import gettext as _


def of_plan(plan: str, misfit: Fit) -> str:
    """As in "Standard, 5 users no longer fits: 3 seats too many."."""
    return _("%(plan)s no longer fits: %(excess)s too many.", plan=plan, excess=misfit.to_remove)


def of_add_ons(kept: Sequence[Item], misfit: Fit) -> str:
    """As in "Without 2 × 1 seat the plan no longer fits: 1 seat too many."."""
    return _(
        "Without %(what)s the plan no longer fits: %(excess)s too many.",
        what=named(kept),
        excess=misfit.to_remove,
    )


def named(kept: Sequence[Item]) -> str:
    """As in "2 × 1 seat and 5 GB"; there must be one."""
    return describe.listing([item.text for item in kept])
