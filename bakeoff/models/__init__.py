"""Declarations to networks and estimators."""
