"""The road from batches to a best model."""
