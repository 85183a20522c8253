"""The words and arguments of commands, and how they print: those of `xaccel`, and those that Django adds to it."""
