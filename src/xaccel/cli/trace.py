"""`xaccel trace`: show every hop of one download, in a terminal, as JSON or as HAR 1.2."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from http.client import responses
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from xaccel.cli.command import FindObject, make_command
from xaccel.cli.doctor import headers_of
from xaccel.explain.masking import Mask, escape_for_terminal
from xaccel.explain.trace_download import trace
from xaccel.site import Site


def _run(args: argparse.Namespace, site: Site, _: FindObject | None) -> None:
    method, headers = "HEAD" if args.head else "GET", tuple(headers_of(args.header).items())
    log, door = Path(args.log or site.transfer_log), {"connect_to": args.connect, "ca_file": args.ca_file}
    found = trace(site, args.url, method, headers, log, **door)
    shown = Mask(site.secrets, site.recorded_parameters).everywhere(found)
    if args.json or args.har:
        print(json.dumps(_as_har(shown) if args.har else shown, indent=2))
    else:
        print("\n".join(map(escape_for_terminal, _as_lines(shown))))


def _as_lines(shown: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines for a terminal."""
    for number, hop in enumerate(shown["hops"], 1):
        asked = " (requested separately)" if hop["asked_separately"] else ""
        times = ", ".join(f"{name} {value * 1000:.1f} ms" for name, value in hop["seconds"].items())
        yield f"{number}  {hop['from']} -> {hop['to']}{asked}{f'  [{times}]' if times else ''}"
        yield f"   {hop['method']} {hop['url']}"
        yield from (_line(">", each) for each in hop["request_headers"])
        if hop["status"]:
            yield f"   {hop['status']} {responses.get(hop['status'], '')}".rstrip()
        yield from (_line("<", each) for each in hop["response_headers"])
        if hop["note"]:
            yield f"   note: {hop['note']}"
        yield ""
    yield f"key: {'used; it is remembered ' + shown['single_use'] if shown['single_use'] else 'not accepted'}"
    yield f"end: {shown['end']}. {shown['meaning']}"


def _line(mark: str, header: Mapping[str, str]) -> str:
    fate = f"   ({header['fate']})" if header["fate"] else ""
    return f"   {mark} {header['name']}: {header['value']}{fate}"


def _as_har(shown: Mapping[str, Any]) -> dict[str, Any]:
    """Return a trace as HAR 1.2 (http://www.softwareishard.com/blog/har-12-spec/)."""
    creator = {"name": "xaccel trace", "version": version("xaccel")}
    entries = [_har_entry(hop) for hop in shown["hops"] if hop["status"]]
    log = {"version": "1.2", "creator": creator, "entries": entries, "comment": f"end: {shown['end']}"}
    return {"log": log}


def _har_entry(hop: Mapping[str, Any]) -> dict[str, Any]:
    times = {name: hop["seconds"].get(name, 0) * 1000 for name in ("connect", "wait", "receive")}
    came = {each["name"].lower(): each["value"] for each in hop["response_headers"]}
    query = [{"name": name, "value": value} for name, value in parse_qsl(urlsplit(hop["url"]).query)]
    message = {"httpVersion": "HTTP/1.1", "cookies": [], "headersSize": -1}
    return {
        "startedDateTime": hop["at"],
        "time": sum(times.values()),
        "request": {
            **message,
            **{name: hop[name] for name in ("method", "url")},
            "headers": [
                _har_header(each) for each in hop["request_headers"] if "dropped" not in each["fate"]
            ],
            "queryString": query,
            "bodySize": 0,
        },
        "response": {
            **message,
            "status": hop["status"],
            "statusText": responses.get(hop["status"], ""),
            "headers": [_har_header(each) for each in hop["response_headers"]],
            "content": {"size": hop["body_bytes"], "mimeType": came.get("content-type", "")},
            "redirectURL": came.get("location", ""),
            "bodySize": -1,
        },
        "cache": {},
        "timings": {**times, "send": 0},
        "comment": f"{hop['from']} -> {hop['to']}{' (requested separately)' if hop['asked_separately'] else ''}",
    }


def _har_header(header: Mapping[str, str]) -> dict[str, str]:
    return {"name": header["name"], "value": header["value"], "comment": header["fate"]}


COMMAND = make_command("trace", run=_run)
