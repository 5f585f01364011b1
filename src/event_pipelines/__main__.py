"""The entry point of ``pipeline``."""

from event_pipelines.cli import main

if __name__ == "__main__":
    main()
