"""The topology of deploy/compose.yaml in containers: what `scripts/deploy` runs."""
