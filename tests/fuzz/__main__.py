"""Attack for a while, try one input again, or choose which inputs are kept."""

import argparse
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.fuzz import campaign, corpus
from tests.fuzz.minimising import minimise
from tests.fuzz.targets import NAMES, load
from tests.fuzz.workspace import Workspace


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit code is 1 when something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    attack = commands.add_parser("attack", help="try as many inputs as there is time for")
    attack.add_argument("--seconds", type=float, default=600, help="for all targets together")
    attack.add_argument("--seed", type=int, help="where chance begins; by default the time")
    attack.add_argument("--workspace", type=Path, default=Workspace().root)
    again = commands.add_parser("try", help="try one input")
    again.add_argument("target", choices=NAMES)
    again.add_argument("file", type=Path)
    keep = commands.add_parser("minimise", help="keep the smallest inputs that reach everything")
    keep.add_argument("--workspace", type=Path, default=Workspace().root)
    for command in (attack, keep):
        command.add_argument("targets", nargs="*", metavar="|".join(NAMES))
    options = parser.parse_args(arguments)
    names = getattr(options, "targets", None) or list(NAMES)
    if unknown := set(names) - set(NAMES):
        parser.error(f"no such target: {', '.join(unknown)}; there are: {', '.join(NAMES)}")
    match options.command:
        case "attack":
            return _attack(names, options)
        case "try":
            return _try(options.target, options.file)
        case _:
            return _minimise(names, Workspace(options.workspace))


def _attack(names: Sequence[str], options: argparse.Namespace) -> int:
    seed = round(time.time()) if options.seed is None else options.seed
    found_engines = campaign.engines()
    if "atheris" not in found_engines:
        print("fuzz: without Atheris, which has wheels for Linux on x86_64: run make fuzz there")
    print(f"fuzz: {' and '.join(found_engines)}, seed {seed}, {options.seconds:.0f} s", flush=True)
    findings = campaign.attack(
        names,
        seconds=options.seconds,
        seed=seed,
        workspace=Workspace(options.workspace),
        say=lambda line: print(line, flush=True),
    )
    for finding in findings:
        print(finding)
    print(f"fuzz: {len(findings)} findings")
    return 1 if findings else 0


def _end(*_: object) -> None:
    sys.exit(128 + signal.SIGTERM)


def _try(name: str, file: Path) -> int:
    target, data = load(name), file.read_bytes()
    target.attack(target.example, meter=False)
    cost = target.attack(data)
    print(f"kept its promises: {len(data):,} bytes, {cost.peak:,} at most, {cost.steps:,} steps")
    return 0


def _minimise(names: Sequence[str], workspace: Workspace) -> int:
    for name in names:
        inputs = [data for _, data in corpus.read(name)]
        inputs += [path.read_bytes() for path in sorted(workspace.corpus(name).iterdir())]
        chosen = minimise(load(name), inputs)
        folder = corpus.FOLDER / name
        shutil.rmtree(folder)
        folder.mkdir()
        for digest, data in chosen.items():
            (folder / digest).write_bytes(data)
        size = sum(map(len, chosen.values()))
        print(f"{name}: {len(chosen)} of {len(inputs)} inputs, {size:,} bytes", flush=True)
    return 0


if __name__ == "__main__":
    # Whoever ends this ends the engines as well.
    signal.signal(signal.SIGTERM, _end)
    sys.exit(main())
