"""Formats of dates in the admin, like those on the portal's pages."""
