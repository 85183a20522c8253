"""The documentation as a browser shows it."""
