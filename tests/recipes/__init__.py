"""Tests of bakeoff.recipes."""
