"""Store log entries as transfers and downloads."""
