"""Tests of bakeoff.champion."""
