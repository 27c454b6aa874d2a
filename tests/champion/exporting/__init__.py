"""Tests of what a champion is exported to."""
