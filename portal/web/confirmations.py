"""What a confirmation form carries, signed: one intention of one person, on one quote.

The form has no other field that decides what is charged. Posting it again is the same intention
again; changing it makes it worthless.
"""

import secrets
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from itsdangerous import BadData

from portal.billing.plan_changes import Confirmation
from portal.billing.rules.plan_change import Quote
from portal.billing.rules.taking_back import Return
from portal.billing.rules.terms import Basket
from portal.models.types import EPOCH, MICROSECOND
from portal.web.signing import signer

SALT = "portal.web.confirmations"
LONGEST = 2000


@dataclass(frozen=True)
class Signed:
    """Who confirms what, where: ids, the quote by its hash, and the instant until it holds.

    `add_ons` says how many of which add-on price (by its id, as text) go with the plan of
    `price_id`, or are bought beside it.
    """

    account_id: int
    user_id: int
    price_id: int
    add_ons: dict[str, int]
    op_id: str
    quote_sha256: str
    valid_until_us: int

    @property
    def confirmation(self) -> Confirmation:
        valid_until = EPOCH + timedelta(microseconds=self.valid_until_us)
        return Confirmation(self.op_id, self.quote_sha256, valid_until)

    @property
    def wanted(self) -> dict[int, int]:
        """How many of which add-on price."""
        return {int(price_id): quantity for price_id, quantity in self.add_ons.items()}


class NotSigned(ValueError):
    """A token that this portal never gave out."""


def sign(quote: Quote, *, account_id: int, user_id: int) -> str:
    """A token for a fresh intention to do what `quote` says."""
    wanted = Basket(quote.target, quote.bought or quote.basket.add_ons)
    until = quote.valid_until
    return _sealed(wanted, quote.fingerprint(), until, account_id=account_id, user_id=user_id)


def sign_return(terms: Return, valid_until: datetime, *, account_id: int, user_id: int) -> str:
    """A token for a fresh intention to take an upgrade back as `terms` say."""
    former, sha256 = terms.former, terms.fingerprint()
    return _sealed(former, sha256, valid_until, account_id=account_id, user_id=user_id)


def read(token: str) -> Signed:
    """What a token says; raises NotSigned for anything `sign` did not make."""
    if len(token) > LONGEST:
        raise NotSigned
    try:
        facts: dict[str, Any] = signer(SALT).loads(token)
        return Signed(**facts)
    except (BadData, TypeError) as error:
        raise NotSigned from error


def _sealed(
    wanted: Basket, sha256: str, valid_until: datetime, *, account_id: int, user_id: int
) -> str:
    signed = Signed(
        account_id=account_id,
        user_id=user_id,
        price_id=wanted.plan.price_id,
        add_ons={str(item.add_on.price_id): item.quantity for item in wanted.add_ons},
        op_id=secrets.token_hex(16),
        quote_sha256=sha256,
        valid_until_us=_microseconds(valid_until),
    )
    return signer(SALT).dumps(asdict(signed))


def _microseconds(instant: datetime) -> int:
    return (instant - EPOCH) // MICROSECOND
