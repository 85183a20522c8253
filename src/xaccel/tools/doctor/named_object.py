"""XA413, XA414: the object of the download, requested from its storage as NGINX does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any
from unicodedata import normalize
from urllib.parse import unquote

from xaccel.handoff.objects import ObjectRef
from xaccel.http_client.exchange import Exchange
from xaccel.http_client.origin import ask_origin
from xaccel.sender import Sender
from xaccel.site.origins import LocalOrigin, S3Origin
from xaccel.tools.doctor.check import REMEDIES, Evidence, check
from xaccel.tools.doctor.first_download import object_of
from xaccel.tools.doctor.running_site import RunningSite, Skipped
from xaccel.tools.explain.ask_storage import StorageFinding, ask_storage

_NO_SUCH = ("NoSuchKey", "FileNotFoundError")
_WAYS: dict[str, Callable[[str], str]] = {
    "NFC and NFD": lambda text: normalize("NFC", text),
    "white space": lambda text: " ".join(text.split()),
    "upper and lower case": str.casefold,
    "percent-encoding": unquote,
    "slashes": lambda text: "/".join(filter(None, text.split("/"))),
    "spelling": lambda text: normalize("NFKC", text).casefold().strip(),
}
"""Ways in which texts that look alike differ: equal texts are equal without it."""


def difference(one: str, other: str) -> str:
    """Return how two texts differ that look alike; empty: they do not, or are the same."""
    if one == other:
        return ""
    return next((name for name, simpler in _WAYS.items() if simpler(one) == simpler(other)), "")


@check("XA413")
def object_is_delivered(stack: RunningSite) -> Iterator[Evidence]:
    ref = object_of(stack)
    addresses = getattr(stack.site.origin(ref.origin), "connect_to", ())
    changes: list[dict[str, Any]] = [{"connect_to": (one,)} for one in addresses] or [{}]
    found = [_ask(stack, ref, **each) for each in changes]
    for address, finding in zip(addresses or [""], found, strict=True):
        if finding.code and finding.code != "not asked":
            at = f" at {address} of `connect_to`" if len(addresses) > 1 else ""
            text = f"{ref.key} of origin {ref.origin}{at}: {finding.code}. {finding.remedy}"
            remedy = (_empty_root(stack, ref) or _elsewhere(stack, ref)) if finding.code in _NO_SUCH else ""
            if not all(each.code for each in found):
                remedy = REMEDIES["nodes_differ"]
            yield Evidence(text, remedy=remedy)


def _ask(stack: RunningSite, ref: ObjectRef, **changes: Any) -> StorageFinding:
    """Request an object, with changes of its origin."""
    changed = {**stack.site.origins, ref.origin: replace(stack.site.origin(ref.origin), **changes)}
    return ask_storage(replace(stack.site, origins=changed) if changes else stack.site, ref)


def _empty_root(stack: RunningSite, ref: ObjectRef) -> str:
    origin = stack.site.origin(ref.origin)
    if isinstance(origin, LocalOrigin) and not any(Path(origin.root).glob("*")):
        return REMEDIES["empty_root"].format(root=origin.root)
    return ""


def _elsewhere(stack: RunningSite, ref: ObjectRef) -> str:
    """Return where an object is that is not at its key: under a name that looks alike, or without the prefix."""
    origin = stack.site.origin(ref.origin)
    if isinstance(origin, LocalOrigin):
        path = Path(origin.root) / ref.key
        key, names = path.name, [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
    else:
        key = ref.key
        tried = [normalize("NFC", key), normalize("NFD", key), *(simpler(key) for simpler in _WAYS.values())]
        others = (other for other in dict.fromkeys(tried) if other and other != key)
        names = [other for other in others if not _ask(stack, ObjectRef(ref.origin, other)).code]
    for name in names:
        if differ := difference(name, key):
            return REMEDIES["other_name"].format(there=ascii(name), key=ascii(key), differ=differ)
    if not isinstance(origin, S3Origin) or not origin.prefix:
        return ""
    is_missing = _ask(stack, ref, prefix="").code
    return "" if is_missing else REMEDIES["prefix"].format(prefix=origin.prefix, key=ref.key)


def ask_for_object(
    stack: RunningSite, headers: Mapping[str, str] = MappingProxyType({}), **options: Any
) -> Exchange:
    """Request the object as NGINX does. Raises Skipped for one of a directory, OSError and HTTPException."""
    ref = object_of(stack)
    origin = stack.site.origin(ref.origin)
    if isinstance(origin, LocalOrigin):
        raise Skipped("the origin is a directory")
    hand_off = Sender(stack.site).hand_off(ref, method=options.get("method", "GET"))
    return ask_origin(origin, hand_off.target, headers, **options)[-1].completed()


@check("XA414")
def object_is_delivered_to_head(stack: RunningSite) -> Iterator[str]:
    if (status := ask_for_object(stack, method="HEAD").status) != 200:
        ref = object_of(stack)
        yield f"{ref.key} of origin {ref.origin}: status {status}"
