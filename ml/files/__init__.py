"""Files in and out: pictures, vectors, tables, contact sheets, downloads."""
