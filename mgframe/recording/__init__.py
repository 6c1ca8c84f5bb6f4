"""Evidence: every answer of an investigation in one file, and a client that answers from it."""
