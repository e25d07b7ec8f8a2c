"""The language a page is drawn in: the one its reader chose, else the best their browser asks for.

Only what the portal is complete in is offered (`language.OF_PAGES`). Documents and emails are in
the account's language, whoever looks at the page.
"""

from flask import Flask, Response, request, session

from portal import language

CHOSEN = "language"


def init_app(app: Flask) -> None:
    """Speak the reader's language while a request is answered, and let templates speak it."""
    environment = app.jinja_env
    environment.add_extension("jinja2.ext.i18n")
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        gettext=language.look_up,
        ngettext=lambda one, many, count: language.catalog().ngettext(one, many, count),
        pgettext=lambda context, message: language.catalog().pgettext(context, message),
        newstyle=True,
    )
    environment.globals["spoken"] = language.spoken
    environment.globals["page_languages"] = {
        each: language.LANGUAGES[each] for each in language.OF_PAGES
    }

    @app.before_request
    def _speak() -> None:
        language.speak(wished())

    @app.after_request
    def _tell_caches(response: Response) -> Response:
        if request.endpoint != "static":
            response.vary.add("Accept-Language")
        return response

    @app.teardown_request
    def _fall_silent(_: BaseException | None) -> None:
        """The thread may go on with something else."""
        language.speak(language.ENGLISH)


def choose(wish: str) -> None:
    """Draw the pages of this browser in a language from now on; an unknown one changes nothing."""
    if wish in language.OF_PAGES:
        session[CHOSEN] = wish


def empty_session() -> None:
    """Drop all that this browser's session holds but the language it chose."""
    chosen = session.get(CHOSEN)
    session.clear()
    if chosen is not None:
        session[CHOSEN] = chosen


def wished() -> str:
    """A key of `language.OF_PAGES`."""
    chosen = session.get(CHOSEN)
    if chosen in language.OF_PAGES:
        return str(chosen)
    best = request.accept_languages.best_match(language.OF_PAGES)
    return best or language.ENGLISH
