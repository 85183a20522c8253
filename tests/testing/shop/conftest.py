"""Fixtures of the project's tests."""

pytest_plugins = ["xaccel.testing.pytest_plugin"]
