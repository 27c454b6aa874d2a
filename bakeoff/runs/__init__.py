"""Run directories, and the wiring that fills them."""
