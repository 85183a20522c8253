"""Compare the trail with the storage's own access log."""
