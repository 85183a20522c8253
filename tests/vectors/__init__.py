"""The test vectors of the hand-off protocol in docs/reference/vectors.json, described in protocol.md.

scripts/vectors     writes their outcomes again; read the difference before it is committed
"""
