"""From the bytes that somebody sent to pixels, safely, and to bytes that may be published."""
