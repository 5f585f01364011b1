"""The entry point of ``pipeline``."""

import sys


def main() -> None:
    """Run the command line; the extra ``tool`` of this distribution has what it needs."""
    try:
        from event_pipelines import cli  # noqa: PLC0415 (may be missing)
    except ModuleNotFoundError as error:
        print(
            f'pipeline: {error.name} is missing: pip install "event-driven-pipelines[tool]"',
            file=sys.stderr,
        )
        sys.exit(2)
    cli.main()


if __name__ == "__main__":
    main()
