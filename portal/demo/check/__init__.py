"""The HTTP requests of `scripts/demo --check`: one question per file, independent of the others."""
