"""Files, grants and the log of decisions."""
