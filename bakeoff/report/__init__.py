"""Results as pages to look at: each one file that needs nothing else."""
