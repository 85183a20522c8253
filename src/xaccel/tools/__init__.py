"""The commands of an operator: generate the NGINX configuration, examine a site, explain a failure.

Nothing that an app imports while it serves requests imports this package.
"""
