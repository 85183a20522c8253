"""Measurements, one file for each question; `scripts/bench` runs them."""
