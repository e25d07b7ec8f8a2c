"""The outbox, as other rows depend on it: what it still has to work on."""

from sqlalchemy import Select, select

from portal.models import OutboxItem, OutboxState, Work

UNDONE = (OutboxState.WAITING, OutboxState.DEAD)


def subjects(work: Work, *states: OutboxState) -> Select[int]:
    """The ids of what the outbox holds work for, to be asked `id IN (…)`: one pass over it."""
    return select(OutboxItem.subject_id).where(
        OutboxItem.work == work, OutboxItem.state.in_(states or (OutboxState.WAITING,))
    )
