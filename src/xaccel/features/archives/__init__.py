"""ZIP archives of many private objects: their members, and where each byte comes from. Objects are not read here."""
