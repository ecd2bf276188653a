"""python -m passerby: the command line, as torchrun starts it."""

from passerby.cli import main

if __name__ == "__main__":
    main()
