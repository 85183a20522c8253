"""Measure: repeat, interleave, compare, report."""
