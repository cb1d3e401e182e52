"""`python -m tussle`: the command line."""

from tussle.cli import main

if __name__ == "__main__":
    main()
