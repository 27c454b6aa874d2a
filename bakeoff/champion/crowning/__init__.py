"""Making a champion of a run: replayed, calibrated, described, and opened before it appears."""
