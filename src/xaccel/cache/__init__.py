"""NGINX's cache, seen from outside: its entries on disk."""
