"""The files of pictures: where they are kept, what is set aside, and what the storage knows of its database."""
