"""Payments whose outcome is taken for another, or that are made once too often."""

from tests.teeth.sabotage import Sabotage

PAYMENTS = "tests/scenarios/test_payments.py"
PAYING = "tests/blueprints/test_paying.py"
FIRST_THINGS = "tests/scenarios/test_what_comes_first.py"

SABOTAGES = (
    Sabotage(
        name="declined-is-success",
        breaks="a declined card is taken for a payment",
        file="portal/billing/payments.py",
        old="    Outcome.DECLINED: PaymentState.DECLINED,\n",
        new="    Outcome.DECLINED: PaymentState.SUCCEEDED,\n",
        tests=(
            "tests/scenarios/test_add_ons.py::test_charge_paid_first_a_declined_card_adds_nothing",
        ),
    ),
    Sabotage(
        name="unknown-is-declined",
        breaks="no answer is taken for a no, and the plan is charged anew",
        file="portal/billing/payments.py",
        old="    Outcome.UNKNOWN: PaymentState.UNKNOWN,\n",
        new="    Outcome.UNKNOWN: PaymentState.DECLINED,\n",
        tests=(f"{PAYMENTS}::test_pay_unknown_is_asked_about_after_five_minutes",),
    ),
    Sabotage(
        name="plan-before-payment",
        breaks="the plan changes before anybody has paid for it",
        file="portal/billing/intentions.py",
        old="    if change.due_minor == 0:\n",
        new="    if change.due_minor >= 0:\n",
        tests=(
            "tests/scenarios/test_add_ons.py::test_charge_paid_first_a_declined_card_adds_nothing",
        ),
    ),
    Sabotage(
        name="key-anew-each-time",
        breaks="a charge without an answer is sent again under another key",
        file="portal/collecting/collection.py",
        old="        idempotency_key=payment.idempotency_key,\n        amount=",
        new=(
            '        idempotency_key=f"{payment.idempotency_key}-{secrets.token_hex(4)}",\n'
            "        amount="
        ),
        tests=(f"{FIRST_THINGS}::test_pay_unknown_is_the_same_charge_however_often_it_is_sent",),
    ),
    Sabotage(
        name="sent-again-without-asking",
        breaks="a charge without an answer is sent again instead of asked about",
        file="portal/collecting/collection.py",
        old="    if claim.step is Step.ENQUIRE:\n",
        new="    if claim.step is None:\n",
        tests=(f"{FIRST_THINGS}::test_pay_unknown_is_asked_about_and_never_sent_again",),
    ),
    Sabotage(
        name="gateway-inside-transaction",
        breaks="the gateway is called while rows are locked",
        file="portal/collecting/collection.py",
        old=(
            "        claim = _claim(session, item_id, owner)\n"
            "    if claim is None:\n"
            "        return False\n"
            "    assert_outside()\n"
            "    answer = _ask(claim)\n"
        ),
        new=(
            "        claim = _claim(session, item_id, owner)\n"
            "        answer = _ask(claim) if claim else None\n"
            "    if claim is None or answer is None:\n"
            "        return False\n"
        ),
        tests=(f"{FIRST_THINGS}::test_the_gateway_is_asked_outside_any_transaction",),
    ),
    Sabotage(
        name="refund-inside-transaction",
        breaks="the gateway is asked for a refund while rows are locked",
        file="portal/collecting/repayments.py",
        old=(
            "        claim = _claim(session, item_id, owner)\n"
            "    if claim is None:\n"
            "        return False\n"
            "    assert_outside()\n"
            "    answer = _ask(claim)\n"
        ),
        new=(
            "        claim = _claim(session, item_id, owner)\n"
            "        answer = _ask(claim) if claim else None\n"
            "    if claim is None or answer is None:\n"
            "        return False\n"
        ),
        tests=(
            "tests/billing/test_credit_notes.py::test_the_gateway_is_asked_outside_any_transaction",
        ),
    ),
    Sabotage(
        name="outcome-not-final",
        breaks="an answer that comes late changes an outcome that was final",
        file="portal/billing/payments.py",
        old="    if payment.state in FINAL:\n        return False\n",
        new="",
        tests=(f"{FIRST_THINGS}::test_an_outcome_stays_whatever_comes_later",),
    ),
    Sabotage(
        name="retry-days",
        breaks="an invoice is tried again after 3, 6 and 7 days",
        file="portal/billing/rules/dunning.py",
        old="RETRY_AFTER = (3 * DAY, 5 * DAY, 7 * DAY)",
        new="RETRY_AFTER = (3 * DAY, 6 * DAY, 7 * DAY)",
        tests=(
            "tests/rules/test_dunning.py::test_pay_fails_is_tried_3_5_and_7_days_after_the_first",
            f"{PAYMENTS}::test_pay_fails_is_retried_after_3_5_and_7_days_each_time_with_an_email",
        ),
    ),
    Sabotage(
        name="retries-counted-from-the-last",
        breaks="a retry's days are counted from the last attempt, not from the first",
        file="portal/billing/payments.py",
        old="select(func.min(Payment.created_at))",
        new="select(func.max(Payment.created_at))",
        tests=(
            f"{PAYMENTS}::test_pay_fails_is_retried_after_3_5_and_7_days_each_time_with_an_email",
        ),
    ),
    Sabotage(
        name="unpaid-plan-runs-on",
        breaks="after the last declined attempt the plan goes on",
        file="portal/billing/settlements.py",
        old=(
            "    if next_at is None:\n"
            "        _end(session, account, subscription, now=now)\n"
            "        return"
        ),
        new="    if next_at is None:\n        return",
        tests=(f"{PAYMENTS}::test_pay_fails_the_last_time_ends_the_subscription",),
    ),
    Sabotage(
        name="by-hand-uses-up-a-retry",
        breaks="an attempt by hand takes the place of an automatic one",
        file="portal/billing/settlements.py",
        old=(
            "by_hand = payment.on_session and dunning.is_ahead(payment.retry, first_tried_at, now)"
        ),
        new="by_hand = False",
        tests=(f"{PAYMENTS}::test_declined_by_hand_leaves_the_automatic_attempts_as_they_were",),
    ),
    Sabotage(
        name="paid-beside-unknown",
        breaks="an invoice is paid by hand while nobody knows whether it was paid already",
        file="portal/billing/open_invoices.py",
        old="return waiting is None or _can_be_replaced(session, waiting)",
        new="return True",
        tests=(f"{PAYING}::test_nothing_new_is_begun_while_a_payment_has_no_answer",),
    ),
    Sabotage(
        name="old-page-pays-again",
        breaks="a click on a page that is out of date begins another payment",
        file="portal/billing/open_invoices.py",
        old="if seen != mark(session, invoice) or not can_be_paid",
        new="if not can_be_paid",
        tests=(f"{PAYING}::test_charge_once_an_old_page_tries_nothing_again",),
    ),
    Sabotage(
        name="credited-invoice-collected",
        breaks="a payment is sent although nothing is owed any more",
        file="portal/collecting/collection.py",
        old="if invoice is not None and invoice.status is not InvoiceStatus.OPEN:",
        new="if invoice is None and account is None:",
        tests=("tests/billing/test_nothing_owed.py::test_what_is_owed_no_more_is_not_collected",),
    ),
    Sabotage(
        name="parked-account-collected",
        breaks="an account that a person has to look at is collected from",
        file="portal/collecting/collection.py",
        old="if is_held and not payment.on_session:",
        new="if False:",
        tests=(f"{PAYMENTS}::test_what_is_charged_by_itself_waits_while_the_account_is_parked",),
    ),
    Sabotage(
        name="size-without-bounds",
        breaks="an invoice of any size is issued",
        file="portal/billing/bounds.py",
        old="if draft.total - draft.tax > dearest * TIMES_DEAREST:",
        new="if draft.total.is_negative:",
        tests=(
            "tests/scenarios/test_bounds.py"
            "::test_an_invoice_over_twice_the_dearest_plan_is_not_sold",
        ),
    ),
    Sabotage(
        name="charges-without-bounds",
        breaks="an account is charged by itself as often as it happens",
        file="portal/billing/bounds.py",
        old="if reason in AUTOMATIC and automatic >= MOST_AUTOMATIC:",
        new="if reason in AUTOMATIC and automatic < 0:",
        tests=(
            "tests/scenarios/test_bounds.py"
            "::test_a_fourth_automatic_charge_within_a_day_parks_the_account",
        ),
    ),
    Sabotage(
        name="no-stop-for-all",
        breaks="automatic charging never stops, whatever piles up",
        file="portal/billing/bounds.py",
        old="    if charged <= floor:\n        return None\n",
        new="    if charged >= 0:\n        return None\n",
        tests=(
            "tests/scenarios/test_bounds.py"
            "::test_charging_stops_when_a_day_is_nothing_like_the_days_before",
        ),
    ),
    Sabotage(
        name="news-believed-unsigned",
        breaks="news that Stripe did not sign is heard",
        file="portal/billing/gateways/stripe/events.py",
        old=("stripe.WebhookSignature.verify_header(body, signature, secret, TOLERANCE_SECONDS)"),
        new="assert secret",
        tests=("tests/gateways/test_events.py::test_what_stripe_did_not_sign_just_now_is_refused",),
    ),
)
