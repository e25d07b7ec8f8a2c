"""Bank transfer: nothing is collected by itself; the vendor records what arrived and what was
sent back."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from stdnum import iso11649
from stdnum.iso7064 import mod_97_10

from portal.billing.gateways import Answer, Charge, Outcome, Repayment
from portal.config import Settings
from portal.language import message

CALLED_OFF = message("Called off.")
REFERENCE_DIGITS = 12


class ManualGateway:
    """Keeps to the protocol of `PaymentGateway`; what it calls a charge is written on transfers."""

    def charge(self, charge: Charge) -> Answer:
        return _awaited(charge.idempotency_key)

    def enquire(self, charge: Charge) -> Answer:
        return _awaited(charge.idempotency_key)

    def call_off(self, charge: Charge) -> Answer:
        reference = transfer_reference(charge.idempotency_key)
        return Answer(Outcome.DECLINED, reference, CALLED_OFF)

    def refund(self, repayment: Repayment) -> Answer:
        return _awaited(repayment.idempotency_key)

    def enquire_refund(self, repayment: Repayment) -> Answer:
        return _awaited(repayment.idempotency_key)


@dataclass(frozen=True)
class TransferTerms:
    """What somebody needs to know to pay by bank transfer. `bank_details` may have many lines."""

    reference: str
    due_at: datetime
    bank_details: str


def transfer_terms(
    idempotency_key: str, *, asked_at: datetime, settings: Settings
) -> TransferTerms:
    """How the payment with this key, asked for at `asked_at`, is to be made."""
    due_at = asked_at + timedelta(days=settings.transfer_days)
    return TransferTerms(transfer_reference(idempotency_key), due_at, settings.bank_details)


def transfer_reference(idempotency_key: str) -> str:
    """What a transfer is known by on bank statements: "RF18 5390 0754 7034".

    A creditor reference (ISO 11649): two check digits, so that banks and the portal notice a
    slip of the pen. It follows from the key, the same every time.
    """
    digest = int.from_bytes(hashlib.sha256(idempotency_key.encode()).digest())
    digits = f"{digest % 10**REFERENCE_DIGITS:0{REFERENCE_DIGITS}}"
    return written_reference(f"RF{mod_97_10.calc_check_digits(f'{digits}RF')}{digits}")


def written_reference(text: str) -> str:
    """A transfer's reference as the portal writes it, however somebody typed it."""
    return iso11649.format(text)


def _awaited(idempotency_key: str) -> Answer:
    return Answer(Outcome.AWAITED, transfer_reference(idempotency_key))
