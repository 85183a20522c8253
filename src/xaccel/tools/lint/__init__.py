"""`xaccel lint`: check an NGINX configuration that xaccel did not generate, without running NGINX."""
