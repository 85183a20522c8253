"""What the pages of docs/reference are made of: the code itself, read by cog."""
