"""Tests of bakeoff.data."""
