"""The artifact of the winner: writing it, opening it, and what it can be exported to."""
