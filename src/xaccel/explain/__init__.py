"""Find out why a download failed."""
