"""Grants for sessions of Django: which session a call decides about, and revocations, which logging out sends too."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends import db, signed_cookies
from django.contrib.sessions.backends.base import UpdateError
from django.http import HttpRequest

from xaccel.django.conf import configuration
from xaccel.django.decisions import subject_of
from xaccel.errors import OptionRefused, RevocationFailed
from xaccel.events import logger
from xaccel.features.grants import revoke as sending
from xaccel.features.grants.grant import Grant, make_grant, settings_of
from xaccel.options import Options

__all__ = ["revoke"]

_HAD_GRANT = "_xaccel_had_grant"
"""Key in the session of an anonymous user. Otherwise each logout without a grant would write a mark in NGINX."""


def grant_of(request: HttpRequest, options: Options) -> tuple[Options, Grant | None]:
    """Return the grant of a call, and its options with a number of seconds that the session lasts.

    Raises OptionRefused as `make_grant`, and if the session of the request has no stable id.
    """
    site = configuration().site
    if options.grant_session is None:
        options = _with_session(request, options, settings_of(site).cookie)
    return options, make_grant(site, options)


def revoke(*, user: Any = None, session: Any = None, tag: str | None = None) -> None:
    """End remembered grants immediately, on every NGINX of the site: of a user, of a session, or with a tag.

    user: a user, or the `subject` of the calls. session: `request.session`, or the value of its cookie. Call it after
    the change of the permission is committed. For example:

        def leave(membership):
            membership.delete()
            transaction.on_commit(lambda: revoke(user=membership.user))

    Raises RevocationFailed with the names of those NGINX without it. A thread repeats it until the grants end.
    """
    subject = subject_of(user) if hasattr(user, "is_authenticated") else user and str(user)
    key = getattr(session, "session_key", session)
    sending.revoke(configuration().site, user=subject, session=key, tag=tag)


def log_out(request: HttpRequest | None, user: Any) -> None:
    """Revoke the session of a user who logs out. Logging out succeeds even if an NGINX does not take it.

    user: None for an anonymous user, whose session is revoked only if it had a grant.
    """
    session, site = getattr(request, "session", None), configuration().site
    if session is None or site.grants is None or site.grants.cookie != settings.SESSION_COOKIE_NAME:
        return
    if (user is not None or _HAD_GRANT in session) and session.session_key:
        try:
            sending.revoke(site, session=session.session_key)
        except RevocationFailed as failure:
            logger.error("logging out: %s", failure)


def _with_session(request: HttpRequest, options: Options, cookie: str) -> Options:
    session = getattr(request, "session", None)
    remedy = "Set another cookie with a random id, name it in GRANTS, and pass its value as grant_session."
    if cookie != settings.SESSION_COOKIE_NAME:
        what = f"GRANTS names the cookie {cookie!r}, and not that of Django's sessions"
        names = f"Pass its value as grant_session, or name {settings.SESSION_COOKIE_NAME!r}."
        raise OptionRefused(what, where="grant", remedy=names)
    if session is None or isinstance(session, signed_cookies.SessionStore):
        what = "the sessions are in signed cookies" if session is not None else "the request has no session"
        raise OptionRefused(f"{what}, so the session has no stable id", where="grant", remedy=remedy)
    lasts_s = _lasts_s(session)
    if lasts_s <= 0 or not isinstance(options.grant, int):
        return replace(options, grant_session="" if lasts_s <= 0 else session.session_key)
    if not getattr(getattr(request, "user", None), "is_authenticated", False) and not _note_grant(session):
        return replace(options, grant_session="")
    return replace(options, grant_session=session.session_key, grant=min(options.grant, lasts_s))


def _note_grant(session: Any) -> bool:
    """Store in the session that it had a grant; return whether the session still exists.

    It is stored now, and not by the response: NGINX remembers no response that sets a cookie.
    """
    is_modified = session.modified
    if _HAD_GRANT not in session:
        session[_HAD_GRANT] = True
        try:
            session.save()
        except UpdateError:  # it was deleted after it was read
            return False
        session.modified = is_modified
    return True


def _lasts_s(session: Any) -> int:
    """Return how many seconds a session is still valid; 0 for none. Only a database says when it ends."""
    lasts_s: int = session.get_expiry_age()  # from now on; it loads the session, and drops a wrong key
    if session.session_key and isinstance(session, db.SessionStore):
        # MySQL and MariaDB find the session by its id in upper case too, which a logout would not revoke.
        rows = session.model.objects.filter(session_key=session.session_key)
        ends = dict(rows.values_list("session_key", "expire_date")).get(session.session_key)
        return min(lasts_s, session.get_expiry_age(expiry=ends)) if ends else 0
    return lasts_s if session.session_key else 0
