"""Uploaded bytes → pixels, safely, and → bytes that may be published."""
