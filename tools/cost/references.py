"""What a plan's resources name of each other before their ARNs are known. Pure.

The ARN of what is not made yet is missing in a plan; what stands in the configuration is not. So
a queue's ARN is followed from where it is used, through variables, ``for_each`` and modules'
outputs, to the queue. Terraform doesn't write down locals and dynamic blocks: what goes through
them alone isn't found here.
https://developer.hashicorp.com/terraform/internals/json-format#expression-representation
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

# A module call and the key of its instance as an address spells it: "transform", 0 or nothing.
type Path = tuple[tuple[str, str], ...]

_INDEX = r'(?:\[("(?:[^"\\]|\\.)*"|\d+)\])?'
_CALL = re.compile(rf"module\.([\w-]+){_INDEX}\.")
_MODULE = re.compile(rf"module\.([\w-]+){_INDEX}(?:\.([\w-]+))?")
_RESOURCE = re.compile(rf"(\w+)\.([\w-]+){_INDEX}")


def path_of(address: str) -> Path:
    """Give the modules a resource is in, from the outermost to its own."""
    path = []
    while found := _CALL.match(address):
        path.append((found[1], found[2] or ""))
        address = address[found.end() :]
    return tuple(path)


def _key(address: str) -> str:
    """Give the key of a resource's own instance."""
    found = re.search(rf"{_INDEX}$", address)
    return (found[1] or "") if found else ""


class References:
    """The references between the resources of a plan."""

    def __init__(self, document: Mapping[str, Any], addresses: Iterable[str]) -> None:
        self._root = document.get("configuration", {}).get("root_module", {})
        self._paths: set[Path] = set()
        self._addresses: dict[tuple[Path, str, str], list[str]] = {}
        for address in addresses:
            path = path_of(address)
            self._paths |= {path[:depth] for depth in range(len(path) + 1)}
            kind, name = _own(address, path)
            self._addresses.setdefault((path, kind, name), []).append(address)

    def named_by(self, address: str, attribute: str, kind: str) -> set[str]:
        """Find the resources of a kind that an attribute of a resource takes its value from."""
        path = path_of(address)
        block = self._block(address, path)
        names = list(_references(block.get("expressions", {}).get(attribute)))
        each = list(_references(block.get("for_each_expression")))
        return self._follow(path, names, kind, each=each, key=_key(address), seen=set())

    def given_to_module_of(self, address: str, kind: str) -> set[str]:
        """Find the resources of a kind that the module around a resource is given."""
        path = path_of(address)
        if not path:
            return set()
        call = self._call(path)
        names = list(_references(call.get("expressions")))
        each = list(_references(call.get("for_each_expression")))
        return self._follow(path[:-1], names, kind, each=each, key=path[-1][1], seen=set())

    def _follow(
        self,
        path: Path,
        names: list[str],
        kind: str,
        *,
        each: list[str],
        key: str,
        seen: set[object],
    ) -> set[str]:
        """Follow references from a module; ``each`` and ``key`` are those of the place they are in.

        Where a module is named without its output all its outputs are followed, which may lead
        round in a circle: ``seen`` keeps each place from being followed twice.
        """
        found: set[str] = set()
        place = (path, *names, key)
        if place in seen:
            return found
        seen.add(place)
        # With each.key in the expression, one of several instances is meant: that of the same key.
        same = key if any(name.startswith("each.") for name in names) else ""
        for name in _longest(names):
            root, _, rest = name.partition(".")
            if root == "var" and path:
                call = self._call(path)
                given = list(_references(call.get("expressions", {}).get(rest.split(".")[0])))
                outer = list(_references(call.get("for_each_expression")))
                found |= self._follow(
                    path[:-1], given, kind, each=outer, key=path[-1][1], seen=seen
                )
            elif root == "each":
                found |= self._follow(path, each, kind, each=[], key=key, seen=seen)
            elif root == "module":
                for inner, output in self._outputs(path, name, same):
                    found |= self._follow(inner, output, kind, each=[], key="", seen=seen)
            elif root == kind and (resource := _RESOURCE.match(name)):
                some = self._addresses.get((path, kind, resource[2]), [])
                found |= set(_with_key(some, resource[3] or same))
        return found

    def _outputs(self, path: Path, name: str, same: str) -> Iterator[tuple[Path, list[str]]]:
        """Give the expressions behind a module's output, or behind all where none is named."""
        found = _MODULE.match(name)
        if not found:
            return
        call, index, wanted = found.groups()
        keys = [
            inner[-1][1]
            for inner in self._paths
            if inner and inner[:-1] == path and inner[-1][0] == call
        ]
        for key in [some for some in keys if some == (index or same)] or keys:
            inner = (*path, (call, key))
            outputs = self._module(inner).get("outputs", {})
            for output, block in outputs.items():
                if wanted in (None, output):
                    yield inner, list(_references(block.get("expression")))

    def _call(self, path: Path) -> Mapping[str, Any]:
        call: Mapping[str, Any] = self._module(path[:-1]).get("module_calls", {}).get(path[-1][0])
        return call or {}

    def _module(self, path: Path) -> Mapping[str, Any]:
        module: Mapping[str, Any] = self._root
        for call, _ in path:
            module = module.get("module_calls", {}).get(call, {}).get("module", {})
        return module

    def _block(self, address: str, path: Path) -> Mapping[str, Any]:
        kind, name = _own(address, path)
        blocks = self._module(path).get("resources", [])
        return next((one for one in blocks if (one["type"], one["name"]) == (kind, name)), {})


def _own(address: str, path: Path) -> tuple[str, str]:
    """Split the end of an address into type and name."""
    for _ in path:
        address = _CALL.sub("", address, count=1)
    kind, _, name = address.partition(".")
    return kind, name.partition("[")[0]


def _references(expression: Any) -> Iterator[str]:
    """Give all references in an expression, however deep its blocks."""
    if isinstance(expression, Mapping):
        for key, value in expression.items():
            if key == "references":
                yield from value
            elif key != "constant_value":
                yield from _references(value)
    elif isinstance(expression, list):
        for value in expression:
            yield from _references(value)


def _longest(names: Iterable[str]) -> list[str]:
    """Leave out what a longer reference holds, such as ``var.queue`` with ``var.queue.arn``."""
    some = set(names)
    return sorted(
        name
        for name in some
        if not any(other != name and other.startswith((f"{name}.", f"{name}[")) for other in some)
    )


def _with_key(addresses: list[str], key: str) -> list[str]:
    return [address for address in addresses if key and _key(address) == key] or addresses
