"""Figures of a bake-off or a run, one module for each kind; drawn with matplotlib."""
