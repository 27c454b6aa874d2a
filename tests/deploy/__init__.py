"""What lies in deploy/ does what it says."""
