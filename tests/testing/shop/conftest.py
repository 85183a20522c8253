"""What the tests of the project share."""

pytest_plugins = ["xaccel.testing.pytest_plugin"]
