"""Thin adapters over transformers: photos to maps, token ids to features."""
