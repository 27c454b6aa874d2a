"""A run shown to other tools while it goes. Its own directory stays the record."""
