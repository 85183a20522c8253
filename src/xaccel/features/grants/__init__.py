"""Remembered grants: NGINX remembers a hand-off for one session and one address, until its end or a revocation."""
