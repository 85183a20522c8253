"""Send HTTP requests with the standard library, and note what was sent, what came, and the time of each phase."""
