"""Applications that others wrote, with their private files behind NGINX: each is installed, started and tested here."""
