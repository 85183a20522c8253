"""Signed S3 requests: endpoints, signatures, credentials."""
