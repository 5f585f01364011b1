"""Lines that are shown while the tests run, past pytest's capture of output."""

from collections.abc import Callable

import pytest

from event_pipelines.terraform import Progress


def reporter(config: pytest.Config, name: str) -> Callable[[Progress], None]:
    """Make a function that shows each finished resource, past pytest's capture of output."""
    write = teller(config)

    def report(progress: Progress) -> None:
        counted = f"{progress.done}/{progress.total}"
        write(f"  {name}: {counted} {progress.action} {progress.resource}")

    return report


def teller(config: pytest.Config) -> Callable[[str], None]:
    """Make a function that shows a line, past pytest's capture of output."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    capture = config.pluginmanager.get_plugin("capturemanager")
    assert terminal is not None
    assert capture is not None

    def tell(line: str) -> None:
        with capture.global_and_fixture_disabled():
            terminal.write_line(line)

    return tell
