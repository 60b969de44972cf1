"""``python -m tomocell`` is ``tomocell``."""

from tomocell.cli import main

if __name__ == "__main__":
    main()
