"""Checkpoints that a method's authors released, made into model folders of passerby."""
