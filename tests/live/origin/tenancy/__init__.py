"""A project with django-tenants: a schema for each tenant, and storages that ask whose request it is."""
