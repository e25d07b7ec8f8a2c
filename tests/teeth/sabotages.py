"""Every sabotage, by what it is about."""

from tests.teeth import (
    in_access,
    in_addresses,
    in_charges,
    in_credits,
    in_documents,
    in_episodes,
    in_locks,
    in_loopholes,
    in_papers,
    in_payments,
    in_tables,
    in_takings_back,
)

SABOTAGES = (
    *in_tables.SABOTAGES,
    *in_locks.SABOTAGES,
    *in_charges.SABOTAGES,
    *in_payments.SABOTAGES,
    *in_credits.SABOTAGES,
    *in_documents.SABOTAGES,
    *in_episodes.SABOTAGES,
    *in_takings_back.SABOTAGES,
    *in_access.SABOTAGES,
    *in_addresses.SABOTAGES,
    *in_loopholes.SABOTAGES,
    *in_papers.SABOTAGES,
)
