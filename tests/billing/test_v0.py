from tests.cast import *
from portal.billing import verify
from portal.extensions import db
def test_all(cast, clock):
    account = cast.account("Fifteen", "standard", "5-users")
    clock.advance(days=15)
    cast.change_plan(account, cast.price("standard", "10-users"))
    cast.members(account, 11)
    cast.let_pass(days=20)
    cast.change_plan(account, cast.price("standard","20-users"))
    clock.advance(days=1)
    cast.members(cast.acme, 11)
    cast.let_pass(days=20)
    from portal.models import Invoice
    print([ (i.number_text,i.reason) for i in db.session.scalars(__import__('sqlalchemy').select(Invoice))])
    assert verify.run(db.session()) == []
