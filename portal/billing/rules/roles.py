"""The three roles a person can have in an account."""

from enum import StrEnum

from portal.language import gettext, message


class Role(StrEnum):
    """Admins run the account, Members work in it, billing contacts read its invoices."""

    ADMIN = "admin"
    MEMBER = "member"
    BILLING = "billing"

    @property
    def label(self) -> str:
        """What people call it, in the language spoken now."""
        return gettext(LABELS[self])

    @property
    def takes_seat(self) -> bool:
        return self is not Role.BILLING


LABELS = {
    Role.ADMIN: message("Admin"),
    Role.MEMBER: message("Member"),
    Role.BILLING: message("Billing contact"),
}
