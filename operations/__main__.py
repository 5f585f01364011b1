"""``pipeline``, as set-up installs it."""

from operations.cli import main

if __name__ == "__main__":
    main()
