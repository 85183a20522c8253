"""Compare the trail with the store's own access log."""
