"""Unit tests of the simulated feed."""
