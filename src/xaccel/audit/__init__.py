"""The audit trail: who was given which file, and how much of it NGINX sent. A Django app."""
