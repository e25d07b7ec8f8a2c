"""Credit notes and refunds that give back too much, twice, or nothing."""

from tests.teeth.sabotage import Sabotage

NOTES = "tests/scenarios/test_credit_notes.py"
RULES, ROWS = "tests/rules/test_crediting.py", "tests/billing/test_credit_notes.py"

SABOTAGES = (
    Sabotage(
        name="whole-line-credited-again",
        breaks="a note gives back the whole line, also what an invoice gave back before",
        file="portal/billing/rules/crediting.py",
        old="if self.is_closed else self.amount - self.returned",
        new="if self.is_closed else self.amount",
        tests=(
            f"{RULES}::test_what_a_later_invoice_gave_back_is_not_given_again",
            f"{NOTES}::test_only_what_a_later_invoice_left_is_given_back",
        ),
    ),
    Sabotage(
        name="tax-credited-again",
        breaks="a note gives back the tax of the whole line",
        file="portal/billing/rules/crediting.py",
        old="return self.tax_amount - self.returned_tax",
        new="return self.tax_amount",
        tests=(f"{RULES}::test_tax_given_back_is_never_more_than_was_charged",),
    ),
    Sabotage(
        name="noted-line-noted-again",
        breaks="a second note finds the same lines again",
        file="portal/billing/credited_lines.py",
        old="is_closed=row.id in noted or is_over,",
        new="is_closed=False,",
        tests=(f"{ROWS}::test_a_second_note_finds_nothing_left",),
    ),
    Sabotage(
        name="refund-beyond-payment",
        breaks="more goes back to the card than the payment took from it",
        file="portal/billing/rules/crediting.py",
        old="to_method = min(total - off_invoice, returnable)",
        new="to_method = total - off_invoice if returnable.amount else returnable",
        tests=(
            f"{RULES}::test_the_division",
            f"{NOTES}::test_what_the_payment_took_goes_back_to_it_and_the_rest_to_the_balance",
        ),
    ),
    Sabotage(
        name="refunded-again",
        breaks="what went back before is sent back again",
        file="portal/billing/refunds.py",
        old="return Money(payment.amount_minor - returned, payment.currency)",
        new="return Money(payment.amount_minor, payment.currency)",
        tests=(f"{ROWS}::test_no_more_goes_back_than_the_payment_took",),
    ),
    Sabotage(
        name="debt-credited-in-cash",
        breaks="what nobody has paid is given back as money",
        file="portal/billing/rules/crediting.py",
        old="off_invoice = min(total, owed)",
        new="off_invoice = total - total",
        tests=(
            f"{RULES}::test_the_division",
            f"{NOTES}::test_pay_fails_and_the_invoice_is_credited",
        ),
    ),
    Sabotage(
        name="declined-refund-lost",
        breaks="money that could not go back is nobody's",
        file="portal/billing/refunds.py",
        old="    ledger.refund_to_balance(session, refund, at=now)\n",
        new="",
        tests=(f"{NOTES}::test_a_declined_refund_becomes_credit_balance",),
    ),
    Sabotage(
        name="refund-not-asked-about",
        breaks="a refund without an answer is sent again under another key",
        file="portal/collecting/repayments.py",
        old="        idempotency_key=refund.idempotency_key,\n",
        new='        idempotency_key=f"{refund.idempotency_key}-{secrets.token_hex(4)}",\n',
        tests=(
            f"{ROWS}::test_a_kill_at_any_step_gives_it_back_once",
            f"{NOTES}::test_pay_unknown_of_a_refund",
        ),
    ),
    Sabotage(
        name="credited-beside-pending-change",
        breaks="a note gives back what a change that waits for its payment gives back too",
        file="portal/billing/credit_notes.py",
        old=(
            "    if situations.pending(session, account.id) is not None:\n"
            "        raise ChangeUnderWay\n"
        ),
        new="",
        tests=(f"{ROWS}::test_a_plan_change_that_waits_for_its_payment_keeps_what_it_gives_back",),
    ),
    Sabotage(
        name="credited-beside-unknown-payment",
        breaks="an invoice is credited while its payment may still collect it",
        file="portal/billing/credit_notes.py",
        old="if waiting and payments.stage(waiting) not in NOT_COLLECTING:",
        new="if False:",
        tests=(f"{ROWS}::test_pay_unknown_of_the_invoices_payment",),
    ),
    Sabotage(
        name="waiting-payment-keeps-its-amount",
        breaks="the next attempt collects what was credited meanwhile",
        file="portal/billing/payments.py",
        old=(
            "    payment.amount_minor ="
            " session.get_one(Invoice, payment.invoice_id).outstanding.amount\n"
        ),
        new="    payment.amount_minor = session.get_one(Invoice, payment.invoice_id).due_minor\n",
        tests=(
            "tests/billing/test_nothing_owed.py::test_what_was_credited_meanwhile_is_not_collected",
        ),
    ),
)
