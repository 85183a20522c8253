"""One adapter for each framework other than Django, and what they share."""
