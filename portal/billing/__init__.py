"""Operations of billing, over the pure rules in `portal.billing.rules`."""
