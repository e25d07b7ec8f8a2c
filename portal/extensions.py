"""The Flask extensions, created unbound; `create_app` binds them."""

from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager
from flask_mail import Mail
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from htmx_flask import Htmx
from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

from portal.engine import ReadingSession

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Model(DeclarativeBase):
    """Base of every table; constraints get predictable names so that errors can be told apart."""

    metadata = MetaData(naming_convention=NAMING)


db = SQLAlchemy(
    model_class=Model, disable_autonaming=True, session_options={"class_": ReadingSession}
)
migrate = Migrate()
login = LoginManager()
# A sign-in is looked up at each request; how fresh a cookie is, nobody asks.
login.session_protection = None
csrf = CSRFProtect()
mail = Mail()
htmx = Htmx()
limiter = Limiter(get_remote_address)
