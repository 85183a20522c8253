"""Run NGINX and an app server, and the trail's `ingest`, as one foreground program: `xaccel run`."""
