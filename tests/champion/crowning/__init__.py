"""Making a champion."""
