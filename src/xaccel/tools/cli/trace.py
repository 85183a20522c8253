"""`xaccel trace`: show every hop of one download, in a terminal or as JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from http.client import responses
from pathlib import Path
from typing import Any

from xaccel.commands.command import headers_of, make_command
from xaccel.commands.printing import print_data, print_line
from xaccel.site import Site
from xaccel.tools.explain.masking import Mask
from xaccel.tools.explain.trace_download import trace


def _run(args: argparse.Namespace, site: Site) -> None:
    method, headers = "HEAD" if args.head else "GET", tuple(headers_of(args.header).items())
    log = Path(args.log or site.transfer_log)
    found = trace(site, args.url, method, headers, log, connect_to=args.connect, ca_file=args.ca_file)
    shown = Mask(site.secrets, site.recorded_parameters).everywhere(found)
    if args.json:
        print_data([json.dumps(shown, indent=2), "\n"])
    else:
        for line in _as_lines(shown):
            print_line(line)


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
    if shown["grant"]:
        yield f"grant: {shown['grant']}"
    yield f"end: {shown['end']}. {shown['meaning']}"


def _line(mark: str, header: Mapping[str, str]) -> str:
    fate = f"   ({header['fate']})" if header["fate"] else ""
    return f"   {mark} {header['name']}: {header['value']}{fate}"


COMMAND = make_command("trace", run=_run)
