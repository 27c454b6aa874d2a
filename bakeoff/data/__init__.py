"""Bytes to batches: sources, splits, audit, decoding, packing, batches, augmentation."""
