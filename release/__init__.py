"""Builds the files of a release and checks them: what `scripts/release` does. It uploads nothing."""
