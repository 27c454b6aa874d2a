"""Tests of predictions to numbers."""
