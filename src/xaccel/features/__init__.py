"""Features that a site turns on by a setting: ZIP archives, uploads, and grants that NGINX remembers.

A site without one loads none of its modules, and its NGINX has none of its directives.
"""
