"""Files, who may download them, and the pages."""
