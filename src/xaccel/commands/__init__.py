"""The words and arguments of commands: those of `xaccel`, and those that Django adds to it."""
