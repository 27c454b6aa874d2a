"""Tests of bakeoff.cli."""
