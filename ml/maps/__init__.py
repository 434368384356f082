"""Where a network looks in a picture: maps that a graph can also return, regions found in them, and drawings."""
