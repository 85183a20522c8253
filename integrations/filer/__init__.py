"""django-filer: private files and their thumbnails in a bucket."""
