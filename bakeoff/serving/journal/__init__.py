"""What the service answered and what people said to it, in a database."""
