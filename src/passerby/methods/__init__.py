"""One file, one method; a method is found by the name of its file."""
