"""What `scripts/demo --check` tries over HTTP: one question per file, each asked on its own."""
