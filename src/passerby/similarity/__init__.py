"""Similarities without parameters."""
