"""Losses: pure functions of embeddings and person numbers."""
