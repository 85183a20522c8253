"""Check the English of documentation, docstrings and messages: the step `prose` of scripts/check."""
