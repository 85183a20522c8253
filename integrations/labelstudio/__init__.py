"""Label Studio: media of tasks in a bucket, which the server proxies."""
