"""Fixtures of the project's tests."""

pytest_plugins = ["xaccel_testing.pytest_plugin"]
