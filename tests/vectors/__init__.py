"""The test vectors of the hand-off protocol: docs/reference/vectors.json is made here, and described in protocol.md.

scripts/vectors     writes the file; read the difference before it is committed
"""
