"""python -m benchmarks.contenders.account: make the database, a user with documents, and print the session's key."""

from __future__ import annotations

import os

from benchmarks.contenders import project


def main() -> None:
    """Fill the database of BENCH_PROJECT."""
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
    from django.contrib.sessions.backends.db import SessionStore
    from django.core.management import call_command

    from benchmarks.contenders.models import Document

    call_command("migrate", run_syncdb=True, verbosity=0)
    user = get_user_model().objects.create_user("reader", password="only for measurements")
    for name in sorted(os.listdir(project.PLACE.files)):
        Document.objects.create(owner=user, name=name, file=name, copy=name)
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    print(session.session_key)


if __name__ == "__main__":
    main()
