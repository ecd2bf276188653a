"""Orders of photos, and what they are worth."""
