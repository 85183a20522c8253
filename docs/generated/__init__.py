"""Generate parts of the documentation from the code: cog calls these functions."""
