"""Amounts, dates and credits that are not those of the rules."""

from tests.teeth.sabotage import Sabotage

BALANCE = "tests/rules/test_invoicing.py::test_charge_credit_left_is_used_before_any_payment"
RENEWALS = "tests/scenarios/test_renewals.py"
ADD_ONS = "tests/rules/test_add_ons.py"
LIVED_OFF = f"{RENEWALS}::test_charge_credit_left_is_used_up_by_the_next_invoices"
MONEY, LINES = "portal/billing/rules/money.py", "portal/billing/rules/lines.py"
INVOICING, PLAN_CHANGE = "portal/billing/rules/invoicing.py", "portal/billing/rules/plan_change.py"
FORETOLD = "tests/billing/test_forecasting.py"
ROUNDING, PRORATION = "tests/rules/test_rounding.py", "tests/rules/test_proration.py"

SABOTAGES = (
    Sabotage(
        name="rounded-down",
        breaks="half a cent is dropped instead of rounded away from zero",
        file=MONEY,
        old="(2 * abs(product) + denominator) // (2 * denominator)",
        new="abs(product) // denominator",
        tests=(
            "tests/rules/test_money.py::test_share",
            f"{ROUNDING}::test_a_half_goes_away_from_zero",
        ),
    ),
    Sabotage(
        name="half-to-even",
        breaks="half a cent goes to the even neighbour, as Python's round does it",
        file=MONEY,
        old="size = (2 * abs(product) + denominator) // (2 * denominator)",
        new=(
            "size = abs(product) // denominator\n"
            "        rest = 2 * (abs(product) % denominator)\n"
            "        size += rest > denominator or (rest == denominator and size % 2)"
        ),
        tests=(
            "tests/rules/test_money.py::test_share",
            f"{ROUNDING}::test_a_half_goes_away_from_zero",
        ),
    ),
    Sabotage(
        name="half-up-below-zero",
        breaks="a credit of half a cent is rounded towards zero",
        file=MONEY,
        old="Money(size if product >= 0 else -size, self.currency)",
        new="Money((2 * product + denominator) // (2 * denominator), self.currency)",
        tests=(f"{ROUNDING}::test_a_half_goes_away_from_zero",),
    ),
    Sabotage(
        name="tax-on-the-sum",
        breaks="tax is worked out on the subtotal instead of line by line",
        file=INVOICING,
        old="taxes = sum((line.tax_amount for line in lines), nothing)",
        new="taxes = tax.on(subtotal)",
        tests=(
            f"{ROUNDING}::test_invoice_tax_of_two_lines_is_the_sum_of_their_taxes",
            f"{ROUNDING}::test_invoice_tax_of_a_credit_is_rounded_on_its_own_line",
        ),
    ),
    Sabotage(
        name="add-ons-rounded-each",
        breaks="of three add-ons each is rounded by itself",
        file=LINES,
        old="amount = (price * quantity).share(part.days, cycle.days)",
        new="amount = price.share(part.days, cycle.days) * quantity",
        tests=(f"{ADD_ONS}::test_charge_add_ons_cost_the_days_left",),
    ),
    Sabotage(
        name="add-ons-not-prorated",
        breaks="an add-on costs the whole cycle, however few days are left of it",
        file=LINES,
        old="amount = (price * quantity).share(part.days, cycle.days)",
        new="amount = price * quantity",
        tests=(f"{ADD_ONS}::test_charge_add_ons_cost_the_days_left",),
    ),
    Sabotage(
        name="price-of-a-day-rounded",
        breaks="unused days are multiplied with a price per day that was rounded",
        file="portal/billing/rules/proration.py",
        old="credit = charged.share(days_unused, cycle.days)",
        new="credit = charged.share(1, cycle.days) * days_unused",
        tests=(
            f"{PRORATION}::test_charge_unused_days",
            f"{ROUNDING}::test_charge_unused_days_of_a_price_that_no_day_divides",
        ),
    ),
    Sabotage(
        name="one-unused-day-less",
        breaks="the running day counts as used",
        file="portal/billing/rules/period.py",
        old="return self.days - self.days_gone(now)",
        new="return max(self.days - self.days_gone(now) - 1, 0)",
        tests=(f"{PRORATION}::test_charge_unused_days",),
    ),
    Sabotage(
        name="list-price-credited",
        breaks="unused time is credited at today's list price, not at what was charged",
        file="portal/billing/subscriptions.py",
        old="charged=cycle_lines.charged(session, subscription),",
        new=(
            "charged=tuple(\n"
            "            type(each)(\n"
            "                each.line_id,\n"
            "                each.name,\n"
            "                (price_list.listed(session, subscription.price)"
            " or subscription.price).money,\n"
            "                each.tax,\n"
            "                each.period,\n"
            "            )\n"
            "            for each in cycle_lines.charged(session, subscription)\n"
            "        ),"
        ),
        tests=(
            "tests/scenarios/test_catalog.py"
            "::test_catalog_grandfathered_plan_renews_at_v1_and_changes_at_v2",
        ),
    ),
    Sabotage(
        name="add-ons-not-credited",
        breaks="what add-ons were charged for the running cycle is not given back",
        file="portal/billing/cycle_lines.py",
        old="InvoiceLine.kind.in_((LineKind.PLAN, LineKind.ADD_ON)),",
        new="InvoiceLine.kind.in_((LineKind.PLAN,)),",
        tests=("tests/scenarios/test_add_ons.py::test_charge_add_ons_then_upgrade",),
    ),
    Sabotage(
        name="noted-line-credited-again",
        breaks="a line that a credit note gave back is given back again by an upgrade",
        file="portal/billing/cycle_lines.py",
        old="            ~_is_noted(InvoiceLine),\n",
        new="",
        tests=(
            "tests/scenarios/test_credit_notes.py::test_charge_paid_not_list_of_a_credited_line",
        ),
    ),
    Sabotage(
        name="tax-of-today-on-credits",
        breaks="a credit carries today's rate instead of that of what it credits",
        file=PLAN_CHANGE,
        old="credits = unused_lines(current.charged, given.now) if current else ()",
        new=(
            "charged = current.charged if current else ()\n"
            "    credits = unused_lines(\n"
            "        (type(c)(c.line_id, c.name, c.amount, given.tax, c.period)"
            " for c in charged),\n"
            "        given.now,\n"
            "    )"
        ),
        tests=(
            "tests/rules/test_invoicing.py"
            "::test_invoice_tax_is_shown_per_rate_and_credits_carry_their_own",
        ),
    ),
    Sabotage(
        name="reverse-charge-at-home",
        breaks="a business of the vendor's own country pays no tax",
        file="portal/billing/rules/tax.py",
        old="if rate.reverse_charge and abroad and customer.has_tax_id:",
        new="if rate.reverse_charge and customer.has_tax_id:",
        tests=("tests/rules/test_tax.py::test_invoice_tax_by_the_customers_country",),
    ),
    Sabotage(
        name="renewal-drifts",
        breaks="a cycle begins when the worker comes, not where the last one ended",
        file="portal/billing/renewals.py",
        old="cycle = Cycle.starting(subscription.cycle_end_at, coming.price.interval)",
        new="cycle = Cycle.starting(now, coming.price.interval)",
        tests=(f"{RENEWALS}::test_charge_renewal_catches_up_exactly",),
    ),
    Sabotage(
        name="catch-up-skips",
        breaks="of several missed cycles only the last is charged",
        file="portal/billing/renewals.py",
        old="cycle = Cycle.starting(subscription.cycle_end_at, coming.price.interval)",
        new=(
            "length = subscription.cycle_end_at - subscription.cycle_start_at\n"
            "    missed = (now - subscription.cycle_end_at) // length * length\n"
            "    cycle = Cycle.starting(subscription.cycle_end_at + missed, coming.price.interval)"
        ),
        tests=(f"{RENEWALS}::test_charge_renewal_catches_up_exactly",),
    ),
    Sabotage(
        name="renewal-too-early",
        breaks="a cycle is charged before the running one is over",
        file="portal/billing/renewals.py",
        old="if subscription is None or subscription.cycle_end_at > now or",
        new="if subscription is None or",
        tests=(
            "tests/scenarios/test_what_comes_first.py"
            "::test_charge_renewal_a_second_before_the_cycles_end_is_too_early",
        ),
    ),
    Sabotage(
        name="renewal-at-todays-list",
        breaks="a plan renews at today's price, not at the one it was bought at",
        file="portal/billing/subscriptions.py",
        old="    return Basket(price_list.terms(session, subscription.price), tuple(items))",
        new=(
            "    sold = price_list.listed(session, subscription.price) or subscription.price\n"
            "    return Basket(price_list.terms(session, sold), tuple(items))"
        ),
        tests=(f"{RENEWALS}::test_catalog_grandfathered_price_renews_at_what_it_was_bought_at",),
    ),
    Sabotage(
        name="cancelled-plan-renews",
        breaks="a plan that was cancelled is charged for another cycle",
        file="portal/billing/next_cycle.py",
        old="    if subscription.cancelled_at is not None:\n        return None\n",
        new="",
        tests=("tests/scenarios/test_cancellation.py::test_charge_cancel_ends_with_the_cycle",),
    ),
    Sabotage(
        name="downgrade-at-once",
        breaks="a cheaper plan begins at once, with a credit",
        file=PLAN_CHANGE,
        old="    if current and way is Direction.DOWNGRADE:\n",
        new="    if False and current:\n",
        tests=(
            "tests/rules/test_plan_change.py"
            "::test_charge_downgrade_waits_for_the_cycle_end_and_charges_nothing",
        ),
    ),
    Sabotage(
        name="compared-by-todays-interval",
        breaks="a yearly plan counts as dearer than every monthly one",
        file=PLAN_CHANGE,
        old="dearer = target.comparable > current.comparable",
        new="dearer = target.price > current.price",
        tests=("tests/rules/test_plan_change.py::test_charge_direction",),
    ),
    Sabotage(
        name="balance-not-used",
        breaks="credit balance is kept and the customer pays all the same",
        file=INVOICING,
        old="applied = min(balance, total)",
        new="applied = nothing",
        tests=(BALANCE,),
    ),
    Sabotage(
        name="balance-used-twice",
        breaks="what an invoice took from the balance stays on it",
        file="portal/billing/ledger.py",
        old='        ("balance", CREDIT, RECEIVABLE, invoice.balance_applied_minor),\n',
        new="",
        tests=("tests/scenarios/test_yen.py::test_charge_credit_left_in_yen_is_lived_off",),
    ),
    Sabotage(
        name="surplus-dropped",
        breaks="credit beyond the price is lost",
        file="portal/billing/ledger.py",
        old='        ("surplus", RECEIVABLE, CREDIT, invoice.surplus_minor),\n',
        new="",
        tests=(LIVED_OFF,),
    ),
    Sabotage(
        name="forecast-without-balance",
        breaks="the forecast charges what the balance will pay",
        file="portal/billing/forecast.py",
        old="draft = invoicing.for_cycle(after, cycle, state.balance, tax)",
        new="draft = invoicing.for_cycle(after, cycle, Money.zero(state.balance.currency), tax)",
        tests=(f"{FORETOLD}::test_charge_credit_left_is_used_up_by_the_charges_foretold",),
    ),
    Sabotage(
        name="forecast-without-upgrade",
        breaks="the forecast leaves out the upgrade that was announced",
        file="portal/billing/forecast.py",
        old="    told = _announced(session, account, now)\n",
        new="    told = None\n",
        tests=(f"{FORETOLD}::test_over_in_advance_the_upgrade_that_was_announced_is_foretold",),
    ),
)
