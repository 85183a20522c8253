"""Start real servers: NGINX, S3, the app."""
