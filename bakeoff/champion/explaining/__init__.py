"""Where in a picture a champion finds what it says: heat maps, and how they are drawn."""
