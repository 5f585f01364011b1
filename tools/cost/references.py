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

# The modules a place is in, from the outermost to its own, and what is named there.
type Path = tuple[str, ...]
type Place = tuple[Path, str]

_INDEX = r'\[("(?:[^"\\]|\\.)*"|\d+)\]'
_CALL = re.compile(rf"module\.([\w-]+)(?:{_INDEX})?\.")
_KEYS = re.compile(_INDEX)
_NAME = re.compile(rf"(\w+)\.([\w-]+)(?:{_INDEX})?(?:\.([\w-]+))?")


def keys_of(address: str) -> list[str]:
    """Give the keys in an address, such as ``"transform"`` with its quotes, or ``0``."""
    return _KEYS.findall(address)


class References:
    """The references between the resources of a plan."""

    def __init__(self, document: Mapping[str, Any], addresses: Iterable[str]) -> None:
        self._root = document.get("configuration", {}).get("root_module", {})
        self._addresses: dict[Place, list[str]] = {}
        for address in addresses:
            self._addresses.setdefault(_place(address), []).append(address)

    def named_by(self, address: str, attribute: str, kind: str) -> set[str]:
        """Find the resources of a kind that an attribute of a resource takes its value from."""
        path, name = _place(address)
        blocks = self._module(path).get("resources", [])
        block: Mapping[str, Any] = next(
            (one for one in blocks if f"{one['type']}.{one['name']}" == name), {}
        )
        expression = block.get("expressions", {}).get(attribute)
        return self._nearest(address, kind, path, _names(block, expression))

    def given_to_module_of(self, address: str, kind: str) -> set[str]:
        """Find the resources of a kind that the module around a resource is given."""
        path, _ = _place(address)
        call = self._call(path)
        return self._nearest(address, kind, path[:-1], _names(call, call.get("expressions")))

    def _nearest(self, address: str, kind: str, path: Path, names: list[str]) -> set[str]:
        """Follow names to resources; of several instances it is those that share the most keys."""
        wanted = set(keys_of(address))
        found: set[str] = set()
        places = [(path, name) for name in names]
        seen: set[Place] = set()
        while places:
            path, name = place = places.pop()
            if place not in seen:
                seen.add(place)
                wanted.update(keys_of(name))
                places += self._behind(path, name)
                resource = ".".join(_KEYS.sub("", name).split(".")[:2])
                if resource.startswith(f"{kind}."):
                    found.update(self._addresses.get((path, resource), []))
        shared = {one: len(wanted.intersection(keys_of(one))) for one in found}
        return {one for one in found if shared[one] == max(shared.values())}

    def _behind(self, path: Path, name: str) -> Iterator[Place]:
        """Give what a variable is given, and what is behind a module's output, or behind all."""
        if not (found := _NAME.match(name)):
            return
        root, own, _, output = found.groups()
        if root == "var" and path:
            call = self._call(path)
            for given in _names(call, call.get("expressions", {}).get(own)):
                yield path[:-1], given
        elif root == "module":
            for one, block in self._module((*path, own)).get("outputs", {}).items():
                if output in (None, one):
                    for inner in _names({}, block.get("expression")):
                        yield (*path, own), inner

    def _module(self, path: Path) -> Mapping[str, Any]:
        module: Mapping[str, Any] = self._root
        for call in path:
            module = module.get("module_calls", {}).get(call, {}).get("module", {})
        return module

    def _call(self, path: Path) -> Mapping[str, Any]:
        calls: Mapping[str, Any] = self._module(path[:-1]).get("module_calls", {})
        return calls.get(path[-1], {}) if path else {}


def _place(address: str) -> Place:
    """Give the modules of a resource, and its type and name; without keys."""
    path = []
    while found := _CALL.match(address):
        path.append(found[1])
        address = address[found.end() :]
    return tuple(path), _KEYS.sub("", address)


def _names(block: Mapping[str, Any], expression: Any) -> list[str]:
    """List what an expression names, and with ``each`` what the block around it is made for.

    Left out is what a longer name holds, such as ``var.queue`` with ``var.queue.arn``.
    """
    names = set(_references(expression))
    if any(name.startswith("each.") for name in names):
        names.update(_references(block.get("for_each_expression")))
    longer = {part for name in names for part in _beginnings(name)}
    return sorted(names - longer)


def _beginnings(name: str) -> Iterator[str]:
    for end in re.finditer(r"[.\[]", name):
        yield name[: end.start()]


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
