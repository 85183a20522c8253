"""The questions that `scripts/bench` answers, one per module, each with a `QUESTION`."""
