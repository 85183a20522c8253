"""Change the code on purpose, one small change at a time, and see whether a test fails. README.md says how."""
