"""A champion behind HTTP and a page."""
