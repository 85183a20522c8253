"""Generate the pages of docs/reference from the code, with cog."""
