"""What the library keeps between calls, each with the reason why no user and no tenant decides what is in it.

A FieldFile once had the directory of the first tenant of its worker, from a dictionary by `id(storage)`. So each cache,
each global that changes, and each attribute that changes in an object of the web path is listed here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import xaccel

PACKAGE = Path(xaccel.__file__).parent
PURE = "a function of its arguments alone"
BY_VALUE = "all values that it depends on are its key, credentials too"
INSTALLED = "the settings or files of the installation, the same for all requests"
ONE_SITE = "made from one site, whose settings do not change"
ONE_RUN = "of one run of a command"
ONE_CALL = "the object belongs to one request, or to one file that is read"
AT_START = "filled when modules are imported or Django starts"

KEPT: dict[str, dict[str, str]] = {
    "adapters/base.py": {"_of_both": PURE}
    | dict.fromkeys(["BaseDownloads._warned"], "whether a warning about the app was logged"),
    "features/archives/send.py": {"layouts_in_folder": BY_VALUE},
    "features/archives/kept.py": {
        "Layouts._load": "a layout by the key of its selection, or of the app's version for one subject"
    },
    "audit/admin.py": {"BoundedPaginator.count": ONE_CALL},
    "django/uploads/forms.py": {"META": ONE_CALL},
    "audit/reconcile/storage_log.py": {"_time": PURE},
    "audit/settings.py": {"audit_settings": INSTALLED},
    "audit/values.py": {"address_of": PURE},
    "django/decisions.py": {"META": ONE_CALL},
    "django/apps.py": {"XaccelConfig.debug_at_start": INSTALLED},
    "django/archives.py": {"layouts_of": BY_VALUE},
    "django/conf.py": {"configuration": INSTALLED},
    "django/crc_fill.py": dict.fromkeys(["_Progress.bytes", "_Progress._shown"], ONE_RUN),
    "django/files/buckets.py": {"_origin": BY_VALUE},
    "django/files/kinds.py": {"_Reader._names": ONE_CALL},
    "django/files/objects.py": {"kind_of": PURE},
    "django/middleware.py": {"META": ONE_CALL},
    "django/redirects.py": {"_follower": BY_VALUE},
    "django/send_file.py": dict.fromkeys(
        [
            "_Download.options",
            "_Download.ref",
            "_Download.refused",
            "_Download.response",
        ],
        ONE_CALL,
    ),
    "django/views.py": {"DownloadView.object": ONE_CALL},
    "tools/doctor/check.py": {"_looks": AT_START},
    "tools/doctor/first_download.py": {"logged_download": ONE_RUN, "object_of": ONE_RUN},
    "tools/doctor/storage/features.py": {"_tries": AT_START},
    "http_client/exchange.py": {"_until": "a ContextVar: of one call"},
    "tools/explain/why.py": {"WHY": AT_START},
    "handoff/headers.py": {"default_policy": PURE},
    "handoff/middleware_headers.py": {
        "MiddlewareHeaders._warned": "whether a warning about the app was logged",
        "carriers_of": PURE,
    },
    "handoff/places.py": {
        **dict.fromkeys(["Places._by_place", "Places._index"], ONE_SITE),
        **dict.fromkeys(["Places._place", "Places.at"], BY_VALUE),
    },
    "tools/nginx/engine_files.py": dict.fromkeys(["_heading", "comments", "contents"], INSTALLED),
    "sender.py": {
        "Sender._signs": "its keys are places, which it holds; Places._place makes them by value",
        "Sender._source": BY_VALUE,
        "Sender._source_of_keys": BY_VALUE,
    },
    "signing/credentials.py": dict.fromkeys(
        [f"CredentialSource.{name}" for name in "_failed_at _failure _found _frozen _next_ahead".split()],
        "a source is made for one set of keys, or one profile",
    ),
    "signing/endpoint.py": {
        "_endpoint": BY_VALUE,
        "_resolve": BY_VALUE,
        "_waits": "a ContextVar: of one call",
    },
    "signing/signer.py": {"_form": BY_VALUE, "_kept": BY_VALUE},
    "site/keys.py": {"_key_of_queries": PURE},
    "site/origins.py": {"expression": PURE},
    "site/setting.py": {"table": INSTALLED, "words": INSTALLED},
}
NOT_LISTED = {"tools/doctor/running_site.py", "tools/lint/configuration.py", "tools/lint/location.py"}
"""Their objects are made for one run of a command, and find everything once."""

CACHES = {
    "lru_cache",
    "cache",
    "cached_property",
    "WeakKeyDictionary",
    "WeakValueDictionary",
    "ContextVar",
    "local",
}
CHANGES = set(
    "append add update pop popitem clear setdefault extend insert remove discard appendleft popleft".split()
)
INITIAL = {"__init__", "__post_init__", "__new__", "__init_subclass__"}


WEB = tuple("adapters/ sender.py urls.py django/ handoff/ audit/share_links/ signing/ site/".split())
"""Modules and packages whose objects live as long as a worker."""


def kept_in(path: Path, text: str = "") -> set[str]:
    """Return the names in one module: `function`, `NAME`, `Class.attribute`."""
    tree = ast.parse(text or path.read_text(encoding="utf-8"))
    found = set(_caches(tree, ""))
    top = {name for node in tree.body for name in _bound(node)}
    on_the_web = str(path.relative_to(PACKAGE)).startswith(WEB)
    for node in ast.walk(tree):
        found |= {name for name in _changed(node) if name in top or name.isupper()}
        if isinstance(node, ast.Global):
            found |= set(node.names)
        if on_the_web and isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{name}" for name in _state(node)}
    return found


def _caches(node: ast.AST, inside: str) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            if any(_is_cache(each) for each in child.decorator_list):
                yield f"{inside}{child.name}"
            yield from _caches(child, inside)
        elif isinstance(child, ast.ClassDef):
            yield from _caches(child, f"{child.name}.")
        elif isinstance(child, ast.Assign | ast.AnnAssign) and child.value is not None:
            if any(_is_cache(each) for each in ast.walk(child.value) if isinstance(each, ast.Call)):
                targets = child.targets if isinstance(child, ast.Assign) else [child.target]
                yield from (f"{inside}{_name(target)}" for target in targets)
        else:
            yield from _caches(child, inside)


def _is_cache(node: ast.AST) -> bool:
    return _name(node.func if isinstance(node, ast.Call) else node) in CACHES


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _bound(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.ImportFrom):
        return {alias.name for alias in node.names if alias.name.isupper()}
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _changed(node: ast.AST) -> Iterator[str]:
    """The names whose value a statement changes: `NAME[…] = …`, `del NAME[…]`, `NAME.append(…)`."""
    for owner in _owners(node):
        if isinstance(owner, ast.Name):
            yield owner.id
        elif isinstance(owner, ast.Attribute) and isinstance(owner.value, ast.Name) and owner.attr.isupper():
            yield owner.attr


def _owners(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
        yield node.value
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGES:
        yield node.func.value


def _state(node: ast.ClassDef) -> Iterator[str]:
    """The attributes that methods change after the object was made."""
    for method in node.body:
        if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef):
            for inner in ast.walk(method):
                owners = list(_owners(inner))
                if (
                    method.name not in INITIAL
                    and isinstance(inner, ast.Attribute)
                    and isinstance(inner.ctx, ast.Store)
                ):
                    owners.append(inner)
                for owner in owners:
                    if isinstance(owner, ast.Attribute) and _name(owner.value) in {"self", "cls"}:
                        yield owner.attr


def test_everything_that_is_kept_between_calls_is_listed_with_its_reason() -> None:
    """If this fails for a new cache: nothing that a request, a user or a tenant decides may live in it."""
    found = {
        str(path.relative_to(PACKAGE)): kept for path in PACKAGE.rglob("*.py") if (kept := kept_in(path))
    }
    assert {path: kept for path, kept in found.items() if path not in NOT_LISTED} == {
        path: {*names} for path, names in KEPT.items()
    }


def test_the_memory_by_storage_of_before_would_be_found() -> None:
    module = PACKAGE / "django" / "x.py"
    source = """
class Objects:
    def __init__(self): self._known = {}
    def find(self, storage): self._known[id(storage)] = storage.location
STORES = {}
def other(storage): STORES.setdefault(id(storage), storage)
@functools.lru_cache(8)
def third(storage): return storage.location
"""
    assert kept_in(module, source) == {"Objects._known", "STORES", "third"}
