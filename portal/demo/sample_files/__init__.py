"""The bytes of the samples, made by code: no file of somebody else's is needed, and every run makes the same."""
