"""Runs that other machines make: sent, followed and brought home."""
