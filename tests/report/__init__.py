"""Tests of bakeoff.report."""
