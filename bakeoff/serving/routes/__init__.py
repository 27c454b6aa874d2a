"""What can be asked of a service, by the address it is asked at."""
