"""Reading and writing files: pictures, vectors, tables, contact sheets, downloads."""
