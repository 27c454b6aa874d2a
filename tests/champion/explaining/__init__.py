"""Where a champion finds what it says."""
