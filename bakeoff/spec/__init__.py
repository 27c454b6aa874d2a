"""What a user can say: frozen declarations, checked when they are made. Never imports torch."""
