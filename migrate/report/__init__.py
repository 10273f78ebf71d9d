"""What a run says: a patch, lines of text, or one JSON document."""
