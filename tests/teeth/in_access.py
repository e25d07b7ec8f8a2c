"""Walls between accounts and roles that are open, and records that prove nothing."""

from tests.teeth.sabotage import Sabotage

ACCESS = "portal/web/access.py"
CHANGE_PLAN = "tests/blueprints/test_change_plan.py"
ROLES = f"{CHANGE_PLAN}::test_roles_server_side"
BOOKS = "tests/billing/test_books.py"
MEANWHILE = "tests/security/test_taken_back_meanwhile.py"

SABOTAGES = (
    Sabotage(
        name="foreign-row-found",
        breaks="what belongs to another account is found by its id",
        file=ACCESS,
        old="model.account_id == principal().account_id,  # type: ignore[attr-defined]\n",
        new="",
        tests=("tests/blueprints/test_clients.py::test_foreign_and_unknown_ids_are_the_same_404",),
    ),
    Sabotage(
        name="foreign-invoice-found",
        breaks="another account's invoice is shown to who knows its number",
        file="portal/blueprints/own_papers.py",
        old='return model.account_id == bindparam("account_id"), model.number_text == bindparam(',
        new="return model.id.is_not(None), model.number_text == bindparam(",
        tests=("tests/blueprints/test_invoices.py::test_another_accounts_invoice_is_not_there",),
    ),
    Sabotage(
        name="foreign-outcome-found",
        breaks="another account's plan change is shown to who knows its id",
        file="portal/blueprints/change_plan.py",
        old="PlanChange.account_id == principal().account_id, PlanChange.op_id == op_id",
        new="PlanChange.op_id == op_id",
        tests=(f"{CHANGE_PLAN}::test_another_accounts_outcome_is_not_there",),
    ),
    Sabotage(
        name="role-not-asked",
        breaks="every role may do everything",
        file=ACCESS,
        old="    if not found.may(permission):\n        abort(403)\n",
        new="",
        tests=(ROLES, "tests/blueprints/test_invoices.py::test_roles_server_side"),
    ),
    Sabotage(
        name="role-as-it-was",
        breaks="who was removed while their request was on its way undoes it",
        file=ACCESS,
        old="    if role is None or not allows(role, g.permission):\n        abort(403)\n",
        new="    del role\n",
        tests=(f"{MEANWHILE}::test_what_an_admin_began_who_was_removed",),
    ),
    Sabotage(
        name="signed-in-by-a-former-password",
        breaks="a thief who signs in while the owner sets a password anew stays",
        file="portal/web/sign_ins.py",
        old="        if self.user.password_hash != self.password_hash:\n",
        new="        if False:\n",
        tests=(f"{MEANWHILE}::test_a_sign_in_by_the_former_password_that_was_on_its_way",),
    ),
    Sabotage(
        name="switched-by-an-ended-sign-in",
        breaks="a copied cookie outlives the new password",
        file="portal/web/sign_ins.py",
        old="        if db_session.scalars(ended_at).one() is not None:\n",
        new="        if False:\n",
        tests=(f"{MEANWHILE}::test_a_switch_of_account_by_a_cookie_that_ended",),
    ),
    Sabotage(
        name="billing-may-change-the-plan",
        breaks="who only reads invoices can change the plan",
        file="portal/web/permissions.py",
        old="{Permission.SEE_ACCOUNT, Permission.SEE_INVOICES}",
        new="{Permission.SEE_ACCOUNT, Permission.SEE_INVOICES, Permission.MANAGE_BILLING}",
        tests=(ROLES,),
    ),
    Sabotage(
        name="account-as-it-was",
        breaks="a page shows the account as it was before the request changed it",
        file="portal/web/principals.py",
        old="if session.get_transaction() is not self.read_in:",
        new="if False:",
        tests=(
            "tests/blueprints/test_principals.py::test_what_was_changed_meanwhile_is_read_anew",
        ),
    ),
    Sabotage(
        name="not-read-only",
        breaks="an account whose plan is over is worked in as before",
        file=ACCESS,
        old="    if needs_plan and not also_without_plan:\n",
        new="    if False:\n",
        tests=("tests/security/test_read_only.py::test_charge_cancel_makes_the_account_read_only",),
    ),
    Sabotage(
        name="confirmation-of-another",
        breaks="a confirmation that another person was given is carried out",
        file="portal/blueprints/confirming.py",
        old=(
            "if (signed.account_id, signed.user_id) !="
            " (principal().account_id, principal().user.id):"
        ),
        new="if signed.account_id != principal().account_id:",
        tests=(f"{CHANGE_PLAN}::test_a_token_of_another_person_or_account_is_refused",),
    ),
    Sabotage(
        name="trail-not-chained",
        breaks="an entry of the audit trail doesn't say which one it follows",
        file="portal/audit.py",
        old="        previous_hash=account.audit_head,\n",
        new='        previous_hash="0" * 64,\n',
        tests=(f"{BOOKS}::test_each_entry_follows_the_one_before",),
    ),
    Sabotage(
        name="trail-without-details",
        breaks="the details of an entry can be changed without its hash telling",
        file="portal/audit.py",
        old='            "details": entry.details,\n',
        new="",
        tests=(f"{BOOKS}::test_the_hash_of_an_entry_covers",),
    ),
    Sabotage(
        name="tax-not-given-back",
        breaks="the tax of a credit is kept in the books",
        file="portal/billing/ledger.py",
        old=(
            '        ("tax_credited", TAX, RECEIVABLE, -sum(line.tax_minor for line in credits)),\n'
        ),
        new="",
        tests=(f"{BOOKS}::test_invoice_balance_with_tax_and_credit",),
    ),
)
