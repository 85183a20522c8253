"""Send files through Django, without NGINX, in development."""
