"""The tables: columns, relationships and constraints, with tiny predicates and no behaviour."""

from portal.models.accounts import Account, Invitation, Membership, SignIn, User
from portal.models.catalog import AddOn, AddOnPrice, CatalogRevision, Family, Price, Tier, Vendor
from portal.models.clients import Client, ClientStatus
from portal.models.episodes import Episode, EpisodeState, EpisodeWarning
from portal.models.invoices import (
    Invoice,
    InvoiceDocument,
    InvoiceLine,
    InvoiceReason,
    InvoiceSeries,
    InvoiceStatus,
)
from portal.models.outbox import Notice, NoticeState, OutboxItem, OutboxState, Work
from portal.models.payments import (
    LedgerAccount,
    LedgerTransfer,
    Payment,
    PaymentMethod,
    PaymentState,
    SandboxCharge,
)
from portal.models.records import AuditEntry, ClockState, DailyRun, Operation
from portal.models.subscriptions import (
    PlanChange,
    PlanChangeReason,
    PlanChangeState,
    Subscription,
    SubscriptionStatus,
)
from portal.models.usage import Usage

__all__ = [
    "Account",
    "AddOn",
    "AddOnPrice",
    "AuditEntry",
    "CatalogRevision",
    "Client",
    "ClientStatus",
    "ClockState",
    "DailyRun",
    "Episode",
    "EpisodeState",
    "EpisodeWarning",
    "Family",
    "Invitation",
    "Invoice",
    "InvoiceDocument",
    "InvoiceLine",
    "InvoiceReason",
    "InvoiceSeries",
    "InvoiceStatus",
    "LedgerAccount",
    "LedgerTransfer",
    "Membership",
    "Notice",
    "NoticeState",
    "Operation",
    "OutboxItem",
    "OutboxState",
    "Payment",
    "PaymentMethod",
    "PaymentState",
    "PlanChange",
    "PlanChangeReason",
    "PlanChangeState",
    "Price",
    "SandboxCharge",
    "SignIn",
    "Subscription",
    "SubscriptionStatus",
    "Tier",
    "Usage",
    "User",
    "Vendor",
    "Work",
]
