"""The gateway itself, of charges, refunds and saved cards."""

from portal.billing.gateways import Answer, BegunMethod, Charge, Repayment, SavedMethod
from portal.billing.gateways.stripe.calls import connect, or_none, unless_lost
from portal.billing.gateways.stripe.charges import Charges
from portal.billing.gateways.stripe.methods import Methods
from portal.billing.gateways.stripe.refunds import Refunds
from portal.config import Settings


class StripeGateway:
    """Keeps to the protocols of `PaymentGateway` and `MethodPages`."""

    def __init__(self, settings: Settings) -> None:
        api = connect(settings)
        self._charges, self._refunds, self._methods = Charges(api), Refunds(api), Methods(api)

    def charge(self, charge: Charge) -> Answer:
        return unless_lost(lambda: self._charges.collect(charge))

    def enquire(self, charge: Charge) -> Answer:
        return unless_lost(lambda: self._charges.look_up(charge))

    def call_off(self, charge: Charge) -> Answer:
        return unless_lost(lambda: self._charges.call_off(charge))

    def refund(self, repayment: Repayment) -> Answer:
        return unless_lost(lambda: self._refunds.give_back(repayment))

    def enquire_refund(self, repayment: Repayment) -> Answer:
        return unless_lost(lambda: self._refunds.look_up(repayment))

    def begin_method(
        self,
        *,
        account_public_id: str,
        account_name: str,
        customer_reference: str | None,
        return_url: str,
        cancel_url: str,
    ) -> BegunMethod | None:
        def begin() -> BegunMethod:
            customer = customer_reference or self._methods.customer(account_public_id, account_name)
            return self._methods.begin(customer, return_url, cancel_url)

        return or_none(begin)

    def finish_method(self, reference: str) -> SavedMethod | None:
        return or_none(lambda: self._methods.finish(reference))

    def newest_method(self, customer_reference: str) -> SavedMethod | None:
        return or_none(lambda: self._methods.newest(customer_reference))
