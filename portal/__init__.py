"""The application around xaccel: people sign in, see the files granted to them, and download them."""
