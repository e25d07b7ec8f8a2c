"""What each role may do, and where it begins."""

from enum import StrEnum

from portal.billing.rules.roles import Role


class Permission(StrEnum):
    PUBLIC = "public"
    SIGNED_IN = "signed in"
    SEE_ACCOUNT = "see the account's plan and next charge"
    SEE_METERS = "see all meters"
    MANAGE_BILLING = "change the plan"
    SEE_INVOICES = "see invoices"
    MANAGE_USERS = "manage users"
    WORK_WITH_CLIENTS = "work in the client list"
    SANDBOX = "use the sandbox's tools"


# What is done with a plan: without one, the account can be read but not worked in.
NEED_A_PLAN = frozenset({Permission.WORK_WITH_CLIENTS, Permission.MANAGE_USERS})
EVERYONE = frozenset({Permission.PUBLIC, Permission.SIGNED_IN, Permission.SANDBOX})
ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.ADMIN: frozenset(Permission),
    Role.MEMBER: EVERYONE | {Permission.WORK_WITH_CLIENTS},
    Role.BILLING: EVERYONE | {Permission.SEE_ACCOUNT, Permission.SEE_INVOICES},
}


def allows(role: Role, permission: Permission) -> bool:
    return permission in ROLE_PERMISSIONS[role]


def home_endpoint(role: Role) -> str:
    """Where a role begins."""
    return "clients.index" if role is Role.MEMBER else "account.show"
