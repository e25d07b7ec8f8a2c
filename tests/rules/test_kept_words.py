"""What rows keep in English is told in the language spoken now."""

from portal import language
from portal.billing.gateways.stripe import answers
from portal.billing.rules import kept_words
from portal.billing.rules.money import Money


def test_kept_words_are_told_in_german() -> None:
    """Whatever a gateway answers is kept in English; what nobody knows stays as it is."""
    reasons = {*answers.DECLINES.values(), *answers.REFUND_REFUSALS.values(), answers.NO_REASON}
    reasons |= {*answers.REFUND_FAILURES.values(), answers.not_exact(Money(1, "UGX"))}
    with language.speaking("de"):
        told = {reason: kept_words.translated(reason) for reason in reasons}
        assert [reason for reason, said in told.items() if said == reason] == []
        assert kept_words.translated("Visa ending 4242") == "Visa mit Endziffern 4242"
        assert kept_words.translated("Bank transfer") == "Überweisung"
        assert kept_words.translated("Called off: CN-1 credits what was owed.") == (
            "Abgebrochen: CN-1 schreibt gut, was offen war."
        )
        assert kept_words.translated("100 % refused by %(bank)s") == "100 % refused by %(bank)s"
        assert kept_words.translated("") == ""
    assert kept_words.translated("Visa ending 4242") == "Visa ending 4242"
