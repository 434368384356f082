"""Picture files: their storage, their quarantine, and the storage's record of its database."""
