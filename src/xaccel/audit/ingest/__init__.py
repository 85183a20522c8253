"""Turn log entries into rows."""
