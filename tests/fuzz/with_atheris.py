"""One target under Atheris: inputs are changed, and kept when they reach code that none did.

Run as a process of its own, in the environment of ``make fuzz``: Atheris instruments the code when
it is imported, and libFuzzer ends the process.
"""

from __future__ import annotations

import argparse
import sys
import time
import zlib
from pathlib import Path
from random import Random

import atheris

from tests.fuzz.corpus import FOLDER
from tests.fuzz.progress import Reporter
from tests.fuzz.workspace import Workspace

_PACKAGES = [
    *("object_consumer", "record_formats", "load_records", "transform_objects", "operations"),
]
# Metering makes an attempt many times slower: these many go without it for one that doesn't.
_METERED_OF = 16
_LONGEST_INPUT = 32 * 1024
_HANG_SECONDS = 40
_MOST_MEGABYTES = 2_048


def main() -> None:
    """Attack until the time is up."""
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("--until", type=float, required=True, help="seconds since the epoch")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--workspace", type=Path, required=True)
    options = parser.parse_args()
    with atheris.instrument_imports(include=_PACKAGES):
        from tests.fuzz.mutation import mutate  # noqa: PLC0415 (only now it is instrumented)
        from tests.fuzz.targets import load  # noqa: PLC0415

        target = load(options.target)
    name, workspace = options.target, Workspace(options.workspace)
    target.attack(target.example, meter=False)
    reporter = Reporter(workspace.progress(name, "atheris"))

    def attempt(data: bytes) -> None:
        meter = zlib.crc32(data) % _METERED_OF == 0
        cost = None
        try:
            cost = target.attack(data, meter=meter)
        except BaseException as error:  # noqa: BLE001 (whatever it is, it is a finding)
            workspace.findings.add(name, data, error)
        reporter.count(cost if meter else None, len(data))

    def change(data: bytes, longest: int, seed: int) -> bytes:
        random = Random(seed)  # noqa: S311 (nothing is kept secret by it)
        if random.randrange(2):
            changed: bytes = atheris.Mutate(data, longest)
            return changed
        return mutate(data, target.tokens, random)[:longest]

    seconds = max(1, round(options.until - time.time()))
    atheris.Setup(
        [
            sys.argv[0],
            str(workspace.corpus(name)),
            str(FOLDER / name),
            f"-max_total_time={seconds}",
            f"-max_len={_LONGEST_INPUT}",
            # Smaller inputs first: libFuzzer leaves that out for changes of others.
            "-len_control=100",
            f"-timeout={_HANG_SECONDS}",
            f"-rss_limit_mb={_MOST_MEGABYTES}",
            f"-seed={options.seed}",
            f"-artifact_prefix={workspace.artifacts(name)}/",
            "-print_final_stats=1",
        ],
        attempt,
        custom_mutator=change,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
