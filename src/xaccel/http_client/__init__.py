"""Send HTTP requests with the standard library, and record each request, its response, and the time of each phase."""
