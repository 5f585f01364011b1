"""A consumer's own repository, made and used with the built wheel as a stranger would."""

import shlex
import sys
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from event_pipelines.installation import find_uv
from tests.integration.clone import Clone, in_background

NAME = "invoices"
# A module alone, beside the root module that `pipeline new` has written.
ONE_MODULE = """
module "archive" {{
  source = "git::file://{modules}//modules/queue-with-dlq?ref={revision}"

  name          = "invoices-archive"
  subscriptions = {{ files = {{ topic_arn = module.pipeline.topic.arn }} }}
}}
"""


@dataclass(frozen=True)
class Repository:
    """A repository that is made and used in the background.

    Attributes
    ----------
    folder
        Where the wheel, its environment and the repository are.
    environment
        The variables that lead to the instance under test.
    """

    folder: Path
    environment: Mapping[str, str]
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(max_workers=1))
    _done: list[Future[str]] = field(default_factory=list)

    @property
    def path(self) -> Path:
        """The folder of the repository."""
        return self.folder / NAME

    def start(self) -> None:
        """Begin."""
        self._done.append(self._pool.submit(self._run))

    def output(self) -> str:
        """Wait until all commands were run, and give what they printed."""
        return self._done[0].result()

    def _run(self) -> str:
        origin = Clone(self.folder / "origin")
        origin.make()
        revision = self._command("git", "rev-parse", "HEAD", folder=origin.folder).strip()
        python = str(self.folder / "env" / "bin" / "python")
        uv = find_uv()
        wheels = str(self.folder / "dist")
        build = (uv, "build", "--python", sys.executable, "--wheel", "--out-dir", wheels)
        self._command(*build, folder=origin.folder)
        (wheel,) = (self.folder / "dist").glob("*.whl")
        self._command(uv, "venv", "--python", sys.executable, "env")
        self._command(uv, "pip", "install", "--python", python, f"{wheel}[tool]")
        modules = f"git::file://{origin.folder}?ref={revision}"
        output = self._command("env/bin/pipeline", "new", NAME, "--modules", modules)
        (self.path / "archive.tf").write_text(
            ONE_MODULE.format(modules=origin.folder, revision=revision)
        )
        (self.path / "samples" / "broken.json").write_text("{")
        (self.path / "samples" / "notes.txt").write_text("of no interest")
        output += self._command("make", "test-unit", folder=self.path)
        output += self._command("make", "package", folder=self.path)
        tried = ("samples/order.json", "samples/broken.json", "--dead-letters", "broken.json")
        output += self._command(".venv/bin/pipeline", "try", *tried, folder=self.path)
        return output

    def _command(self, *command: str, folder: Path | None = None) -> str:
        environment = {**self.environment, "COLUMNS": "200"}
        done = in_background(*command, folder=folder or self.folder, environment=environment)
        assert done.returncode == 0, f"{shlex.join(command)}:\n{done.stdout}"
        return done.stdout
