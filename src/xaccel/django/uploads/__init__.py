"""Receive uploads in Django: an application with the table of uploads, from which quotas and limits are counted."""
