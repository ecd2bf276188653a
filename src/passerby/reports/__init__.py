"""What was measured: made, written, compared, shown."""
