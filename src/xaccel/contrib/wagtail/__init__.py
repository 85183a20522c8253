"""Private documents and images of Wagtail: NGINX sends them from the bucket to users that their collection accepts."""
