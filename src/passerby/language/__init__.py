"""Words: tokenizers and, later, phrases."""
