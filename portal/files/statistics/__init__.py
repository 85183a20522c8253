"""Count downloads for the users who look after the files."""
