"""Find the object behind a FieldFile, a storage or a key."""
