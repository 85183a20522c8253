"""The application around xaccel: users sign in, see the files granted to them, and download them."""
