"""Tests of bakeoff.spec."""
