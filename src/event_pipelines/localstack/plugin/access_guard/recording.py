"""Record the decisions while LocalStack runs: each distinct request once, with its policies.

The file named by ACCESS_RECORDING has one JSON document per line; `aws_rules.recording` reads
it.
"""

import json
import os
import threading
from collections.abc import Sequence
from dataclasses import asdict
from typing import TextIO

from access_guard.policies import Document
from aws_rules.policies import Request


class Recording:
    """Writes new decisions to the file, if one is named."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._policies: dict[Document, int] = {}
        self._requests: set[str] = set()
        self._file: TextIO | None = None

    def add(
        self,
        request: Request,
        identity: Sequence[Document],
        resource: Document | None,
        *,
        allowed: bool,
    ) -> None:
        """Record a decision, unless it is already recorded."""
        if "ACCESS_RECORDING" not in os.environ:
            return
        with self._lock:
            line = json.dumps(
                {
                    "request": asdict(request),
                    "identity": [self._number(document) for document in identity],
                    "resource": None if resource is None else self._number(resource),
                    "allowed": allowed,
                },
                sort_keys=True,
            )
            if line not in self._requests:
                self._requests.add(line)
                self._write(line)

    def _number(self, document: Document) -> int:
        if document not in self._policies:
            self._policies[document] = len(self._policies)
            self._write(json.dumps({"policy": document.name, "document": document.text}))
        return self._policies[document]

    def _write(self, line: str) -> None:
        if self._file is None:
            # Kept open until the process ends.
            self._file = open(os.environ["ACCESS_RECORDING"], "a", encoding="utf-8")  # noqa: PTH123, SIM115
        self._file.write(line + "\n")
        self._file.flush()
