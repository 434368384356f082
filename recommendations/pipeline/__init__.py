"""Workers: claim pictures, decode and embed them, and store their vectors."""
