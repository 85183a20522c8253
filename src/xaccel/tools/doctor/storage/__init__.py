"""Try what a site relies on at the storage of an origin, with the user's own credentials: `xaccel doctor --storage`."""
