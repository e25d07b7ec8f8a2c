"""The three roles a person can have in an account."""

from enum import StrEnum


class Role(StrEnum):
    """Admins run the account, Members work in it, billing contacts read its invoices."""

    ADMIN = "admin"
    MEMBER = "member"
    BILLING = "billing"

    @property
    def label(self) -> str:
        return LABELS[self]

    @property
    def takes_seat(self) -> bool:
        return self is not Role.BILLING


LABELS = {Role.ADMIN: "Admin", Role.MEMBER: "Member", Role.BILLING: "Billing contact"}
