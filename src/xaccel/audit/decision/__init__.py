"""Record what the app decided."""
