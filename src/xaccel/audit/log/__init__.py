"""Read the entries of NGINX's transfer log."""
