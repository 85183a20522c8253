"""The portal's settings, with a password hash that takes the demo a millisecond."""

from __future__ import annotations

from django.contrib.auth.hashers import PBKDF2PasswordHasher

from portal.settings import *  # noqa: F403

PASSWORD_HASHERS = [f"{__name__}.DemoPasswordHasher"]


class DemoPasswordHasher(PBKDF2PasswordHasher):
    """Django's own hash with few iterations, for the demo only.

    Django's million iterations slow down who guesses a password from its stolen hash. The demo's passwords are random,
    with 60 bits, and of no use elsewhere: nobody guesses them at any speed. `scripts/demo --check` signs in about 20
    times, which would take a processor five seconds. Hashes that an earlier version kept in a folder stay valid.
    """

    iterations = 1000
