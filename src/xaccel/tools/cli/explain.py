"""`xaccel explain`: say why a download failed."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from xaccel.commands.command import make_command
from xaccel.commands.printing import print_line
from xaccel.errors import OptionRefused
from xaccel.handoff.headers import grant_of
from xaccel.handoff.objects import ObjectRef
from xaccel.site.origins import covers_many
from xaccel.site.protocol import ARCHIVES
from xaccel.site.site import Site
from xaccel.tools.explain.ask_storage import ask_storage
from xaccel.tools.explain.why import FINDINGS, MEMBERS, WHY, Why, entries_of, why_of, why_of_member


def _run(args: argparse.Namespace, site: Site) -> None:
    entry = _entry(args.transfer_id, Path(args.log or site.transfer_log))
    why = _why(entry) if entry else None
    if why is not None and not why.ask and args.key is None:
        _say("storage", "no request: it cannot be the cause")
        return
    recorded = None
    if args.key is None and entry and entry.get("origin") == ARCHIVES and site.archives:
        number = _failed_member(args.transfer_id, Path(args.members or site.archives.log))
        if number is None:
            return
        recorded = args.find_object(args.transfer_id, number)
    elif args.key is None:
        recorded = args.find_object(args.transfer_id)
    origin = args.origin or (recorded[0] if recorded else str((entry or {}).get("origin", "")) or None)
    key = args.key or (recorded[1] if recorded else None)
    if (origin is None or key is None) and why is not None:
        what = "--origin and --key of the member" if origin == ARCHIVES else "--key"
        _say("storage", f"no request: the log entry has no object key. Give {what} to request the object")
        return
    if origin is None or key is None:
        raise OptionRefused(
            "the object of this transfer is not known",
            where="explain",
            remedy="Give --origin and --key: the log entry has no object key. With xaccel.audit,"
            " `manage.py xaccel explain` finds it.",
        )
    bucket = args.bucket
    if recorded:
        _say("object", f"{key} of origin {origin}")
        if bucket is None and covers_many(site.origin(origin)):
            # DownloadEvent.object_name
            bucket, _, key = key.partition("/")
    finding = ask_storage(site, ObjectRef(origin, key, bucket=bucket), args.version_id)
    _say("storage", finding.code or "delivers")
    is_failed = why is not None and why == WHY["origin_failed"]
    _say("remedy", FINDINGS["delivers_now"] if is_failed and not finding.code else finding.remedy)


def _failed_member(transfer_id: str, log: Path) -> int | None:
    """Print the members and parts of an archive that failed; return the number of the first one if it is a member."""
    try:
        failed, _ = entries_of(transfer_id[:23], log)  # as origins see it (engine/maps/4-request.conf)
    except OSError as error:
        _say("members", f"{log} cannot be read ({error.strerror})")
        return None
    if not failed:
        _say("members", f"none failed in {log}. {MEMBERS['none']}")
        return None
    for entry in failed:
        origin, number, span = (entry.get(name, "") for name in ("origin", "member", "range"))
        reason = entry.get("why") or f"status {entry.get('origin_status')}, {entry.get('origin_bytes')} bytes"
        _say(
            "member" if origin else "part",
            f"{number}{origin and f' of origin {origin}'}, bytes {span}: {reason}",
        )
    _say("remedy", why_of_member(failed[0]))
    return int(failed[0]["member"]) if failed[0].get("origin") else None


def _entry(transfer_id: str, log: Path) -> dict[str, Any] | None:
    try:
        found, path = entries_of(transfer_id, log)
    except OSError as error:
        _say("log entry", f"{log} cannot be read ({error.strerror})")
        return None
    if not found:
        _say("log entry", f"none in {log} and its rotated files")
        return None
    entry = found[-1]
    _say("log entry", json.dumps(entry) + ("" if path == log else f" (in {path})"))
    if decided := grant_of(str(entry.get("note", ""))):
        _say("grant", f"NGINX remembered the decision {decided}, and did not ask the app")
    return entry


def _why(entry: dict[str, Any]) -> Why | None:
    why = why_of(entry)
    if why is None:
        _say("why", f"{entry.get('why')}, which this version of xaccel does not know")
        return None
    _say("why", f"{entry.get('why') or '(empty)'}: {why.cause}")
    if why.remedy:
        _say("remedy", why.remedy)
    return why


def _say(label: str, text: str) -> None:
    print_line(f"{label}: {text}")


COMMAND = make_command("explain", run=_run)
