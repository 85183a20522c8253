"""Look at a running site, and name the cause of what is wrong: `xaccel doctor`."""
