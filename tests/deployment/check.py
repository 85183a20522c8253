"""Use the topology as people do while its parts die, and compare what they got with the audit trail."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException

from portal.demo.browser import Browser, Exchange
from tests.deployment.containers import Failed, Topology, say, wait_until

PASSWORD = "correct-horse-of-the-check"
CROWD, PROBE = "ann", "bob"
"""Two users: the first one's downloads are compared with the trail."""
SIZES = {"small.bin": 4_000, "large.bin": 30_000_000}

_UPLOAD = """
import hashlib, json, os, random, socket
import botocore.session
# one node: another one may not have the bucket yet, and then remembers for a time that there is none
client = botocore.session.Session().create_client(
    "s3", endpoint_url=f"http://{socket.gethostbyname('s3')}:8333", region_name="us-east-1",
    aws_access_key_id=os.environ["PORTAL_S3_ACCESS_KEY"], aws_secret_access_key=os.environ["PORTAL_S3_SECRET_KEY"])
try:
    client.create_bucket(Bucket="portal")
except client.exceptions.BucketAlreadyOwnedByYou:
    pass
found = []
for name, size in SIZES.items():
    content = random.Random(name).randbytes(size)
    client.put_object(Bucket="portal", Key=name, Body=content)
    found.append({"key": name, "name": name, "size": size, "content_type": "application/octet-stream",
                  "sha256": hashlib.sha256(content).hexdigest()})
print(json.dumps(found))
"""
_EVERYWHERE = """
import socket, urllib.request
nodes = {address for *_, (address, _) in socket.getaddrinfo("s3", 8888, socket.AF_INET)}
for node in nodes:
    for name in SIZES:
        asked = urllib.request.Request(f"http://{node}:8888/buckets/portal/{name}", method="HEAD")
        urllib.request.urlopen(asked, timeout=3)
print("everywhere")
"""
"""Asks the file tables of SeaweedFS: a node that starts responds 404 until it has those of the others."""
_REPLICAS = """
import collections, json, urllib.request
found = collections.Counter()
for node in ("s3-1", "s3-2", "s3-3"):  # the leader knows
    try:
        status = json.load(urllib.request.urlopen(f"http://{node}:9333/vol/status", timeout=3))
        found |= collections.Counter(
            volume["Id"] for center in status["Volumes"]["DataCenters"].values() for rack in center.values()
            for volumes in rack.values() for volume in volumes)
    except (OSError, LookupError, AttributeError, TypeError):
        pass
print("replicated" if found and min(found.values()) >= 2 else found)
"""
_SEED = """
import django, json, os
os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
django.setup()
from portal.files.seeding import add_file, add_person
for user in USERS:
    add_person(user, PASSWORD)
print(json.dumps({file["name"]: str(add_file(**file, users=USERS).pk) for file in FILES}))
"""
_ROLE = """
import django, os
os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
django.setup()
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("SELECT rolsuper OR rolcreaterole OR rolreplication FROM pg_roles WHERE rolname = current_user")
    print(*cursor.fetchone())
"""
_METRICS = """
import urllib.request
print(urllib.request.urlopen("http://ingest:9109/metrics", timeout=5).read().decode())
"""
_ROWS = """
import django, json, os
os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
django.setup()
from django.contrib.auth.models import User
from xaccel.audit.models import Transfer
subject = str(User.objects.get(username=USER).pk)
print(json.dumps(list(Transfer.objects.filter(subject=subject, outcome="sent").values_list("key", "sent"))))
"""
_WHILE_DOWN = {0, 200, 302, 502, 503, 504}
"""What a user who may have a file gets: 302 leads to the login page, if the sign-in failed while a part was down."""
_REPLICATION = "SELECT state, sync_state FROM pg_stat_replication"


@dataclass(slots=True)
class Files:
    """The uploaded files: their paths in the portal and their SHA-256."""

    paths: dict[str, str]
    digests: dict[str, str]


def seed(topology: Topology) -> Files:
    """Upload the files, and give them to both users."""
    described: list[dict[str, str]] = []

    def uploaded() -> bool:
        printed = topology.python("app-1", f"SIZES = {SIZES!r}{_UPLOAD}", check=False)
        described.extend(json.loads(printed or "[]"))
        return bool(described)

    wait_until(uploaded, "the S3 server takes objects")
    everywhere = f"SIZES = {SIZES!r}{_EVERYWHERE}"
    wait_until(
        lambda: "everywhere" in topology.python("app-1", everywhere, check=False),
        "each S3 node has the files",
        120,
    )
    known = f"PASSWORD = {PASSWORD!r}; USERS = {(CROWD, PROBE)!r}"
    pks = json.loads(topology.python("app-1", f"{known}; FILES = {described!r}{_SEED}"))
    return Files(
        {name: f"/files/{pk}/download" for name, pk in pks.items()},
        {file["name"]: file["sha256"] for file in described},
    )


def roles_and_metrics(topology: Topology) -> None:
    """Raise Failed if the app's role may do more than the app needs, or `ingest` has no metrics."""
    if (found := topology.python("app-1", _ROLE).strip()) != "False":
        raise Failed(f"the app's role is a superuser, or may make roles or replicate: {found}")
    if "xaccel_ingest_lag_seconds" not in topology.python("app-1", _METRICS):
        raise Failed("ingest has no metrics at port 9109")
    say("looked", "the app's role is no superuser, and ingest has metrics")


@dataclass(slots=True)
class Crowd:
    """Users who download all the time. `wrong` has complete responses with other bytes than the file's.

    fault: what was done last to the topology. during: each download, with the fault when it began.
    """

    files: Files
    ports: tuple[int, ...]
    seen: list[Exchange] = field(default_factory=list)
    fault: str = "nothing was done"
    during: list[tuple[str, Exchange]] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def work(self, port: int, name: str) -> None:
        browser = Browser(port, self.seen, CROWD)
        while not self.stop.is_set():
            with suppress(LookupError):
                fault, found = self.fault, browser.get(self.files.paths[name])
                self.during.append((fault, found))
                if found.status == 302:
                    # to the login page: the sign-in failed while a part was down
                    browser.sign_in(PASSWORD)
            time.sleep(0.2)

    @property
    def downloads(self) -> list[Exchange]:
        return [each for each in self.seen if each.path.endswith("/download")]

    @property
    def wrong(self) -> list[Exchange]:
        digests = {path: self.files.digests[name] for name, path in self.files.paths.items()}
        return [each for each in self.downloads if each.status == 200 and each.sha256 != digests[each.path]]


@contextmanager
def crowd(files: Files, ports: tuple[int, ...]) -> Iterator[Crowd]:
    """Let two users per front door download, until the block ends."""
    people = Crowd(files, ports)
    threads = [
        threading.Thread(target=people.work, args=(port, name), daemon=True)
        for port in ports
        for name in files.paths
    ]
    for thread in threads:
        thread.start()
    try:
        yield people
    finally:
        people.stop.set()
        for thread in threads:
            thread.join(timeout=60)


def works(files: Files, port: int, timeout_s: float = 30) -> bool:
    """Sign in anew and download the small file; tell whether it arrived. timeout_s: of the download."""
    browser = Browser(port, [], PROBE)
    try:
        browser.sign_in(PASSWORD)
        with browser.opened("GET", files.paths["small.bin"], timeout_s=timeout_s) as response:
            digest = hashlib.sha256(response.read()).hexdigest()
    except (OSError, LookupError, HTTPException):
        return False
    return response.status == 200 and digest == files.digests["small.bin"]


class SlowDownload:
    """A client that reads the beginning of the large file now, and the rest when it is told to.

    Its kernel takes few bytes that it has not read: the others are in NGINX and in the kernel of NGINX.
    """

    def __init__(self, files: Files, port: int) -> None:
        browser = Browser(port, [], PROBE)
        browser.sign_in(PASSWORD)
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        plain.settimeout(30)
        plain.connect(("127.0.0.1", port))
        self._connection = HTTPConnection("127.0.0.1", port)
        self._connection.sock = plain
        self._connection.request("GET", files.paths["large.bin"], headers=browser.headers)
        self._response = self._connection.getresponse()
        self._digest, self._wanted = hashlib.sha256(), files.digests["large.bin"]
        self.left = SIZES["large.bin"]
        self.read_until(self.left - 4096)

    def read_until(self, left: int) -> None:
        """Read until so many bytes are left, or the connection ends."""
        while self.left > left and (block := self._response.read(min(self.left - left, 1 << 18))):
            self._digest.update(block)
            self.left -= len(block)

    def finish(self) -> bool:
        """Read the rest, and tell whether all bytes came."""
        with closing(self._connection), suppress(OSError, HTTPException):
            self.read_until(0)
        return self._digest.hexdigest() == self._wanted


def lose(topology: Topology, people: Crowd, service: str, port: int, within_s: float) -> None:
    """Kill a container, and expect new downloads at `port` within `within_s`; then start it again.

    A download that runs through the surviving parts finishes byte for byte: NGINX needs the app for the decision only.
    Of several from S3 those end that come from another node.
    """
    wrong = len(people.wrong)
    # NGINX takes the addresses of S3 in turn
    running = [SlowDownload(people.files, port) for _ in range(6 if service.startswith("s3") else 1)]
    people.fault = f"{service} was killed"
    topology.kill(service)
    took = wait_until(lambda: works(people.files, port), f"downloads after {service} was killed", within_s)
    whole = sum(each.finish() for each in running)
    if not whole or (whole < len(running) and not service.startswith("s3")):
        raise Failed(f"a download that was under way when {service} was killed did not end byte for byte")
    people.fault = f"{service} was started again"
    topology.start(service)
    # also through an NGINX that was killed
    everywhere = lambda: all(works(people.files, each) for each in people.ports)  # noqa: E731
    wait_until(everywhere, f"downloads after {service} came back", 60)
    if service.startswith("s3"):
        # each object is on two of three nodes, so one of them may be down at a time
        replicated = lambda: "replicated" in topology.python("app-1", _REPLICAS, check=False)  # noqa: E731
        wait_until(replicated, f"{service} is known to the other nodes again", 60)
    if service == "db-standby":
        wait_until(lambda: "streaming" in topology.query(_REPLICATION), "the standby has caught up", 60)
    if len(people.wrong) > wrong:
        raise Failed(f"after {service} was killed, a complete response had other bytes than the file")
    ended = f"{whole} of {len(running)} running downloads completed unchanged"
    say(
        "killed", f"{service}: a new download worked after {took:.1f} s (promised: {within_s:.0f} s); {ended}"
    )


def wrongly_told(people: Crowd) -> list[str]:
    """Return what users were told who may have the file: that it is not there, for example, because a part was down."""
    return [
        f"after {fault}, a user who may have the file got {each}: {each.body[:200]!r}"
        for fault, each in people.during
        if each.status not in _WHILE_DOWN
    ]


def compare(topology: Topology, people: Crowd) -> None:
    """Raise Failed unless the trail has one row for each complete download, and no others of complete files.

    NGINX may have sent all of a response that did not arrive: such a request may have a row.
    """
    if people.wrong:
        raise Failed(f"a complete response had other bytes than the file: {people.wrong[0]}")
    if told := wrongly_told(people):
        entries = 'grep -h \'"status":"[45]\' /var/log/xaccel/transfers.log* | tail -n 20'
        logs = [
            topology.podman("exec", topology.container(name), "sh", "-c", entries)
            for name in ("nginx", "nginx-2")
        ]
        raise Failed("\n".join([*told, "log entries of NGINX (none for a response of the app):", *logs]))
    statuses = {
        name: Counter(each.status for each in people.downloads if each.path == path)
        for name, path in people.files.paths.items()
    }

    def rows() -> Counter[str]:
        found = json.loads(topology.python("app-1", f"USER = {CROWD!r}{_ROWS}"))
        return Counter(key for key, sent in found if sent == SIZES[key])

    with suppress(Failed):
        wait_until(lambda: all(rows()[name] >= found[200] for name, found in statuses.items()), "rows")
    rows_now = rows()
    for name, found in statuses.items():
        if not found[200] <= rows_now[name] <= found[200] + found[0]:
            raise Failed(
                f"{name}: {found[200]} complete downloads, {found[0]} requests without a response, and"
                f" {rows_now[name]} rows"
            )
    total = sum(statuses.values(), Counter())
    failed = Counter((each.status, fault) for fault, each in people.during if each.status != 200)
    others = ", ".join(
        f"{count} × {status or 'no response'} ({fault})" for (status, fault), count in sorted(failed.items())
    )
    say(
        "compared",
        f"{total[200]} complete downloads have {rows_now.total()} rows; while parts were down: {others or 'nothing'}",
    )


def commit_on_both(topology: Topology) -> None:
    """Let PostgreSQL's primary wait at each commit until the standby has it too."""
    topology.query("ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
    wait_until(lambda: "sync" in topology.query(_REPLICATION).split(), "the standby is synchronous")


def fail_over(topology: Topology, people: Crowd, port: int, within_s: float) -> None:
    """Kill PostgreSQL's primary, promote the standby under its name, and expect new downloads within `within_s`."""
    commit_on_both(topology)
    # the sign-in is a commit, and the standby then has all that was committed before it
    wait_until(lambda: works(people.files, port), "a download with a synchronous standby")
    network = f"{topology.name}_default"
    standby, running = topology.container("db-standby"), SlowDownload(people.files, port)
    people.fault = "db was killed"
    topology.kill("db")
    browser = Browser(port, [], PROBE)
    wait_until(lambda: browser.get("/login").status in {200, 500, 503}, "a response without a database", 30)
    topology.podman("exec", standby, "/usr/lib/postgresql/17/bin/pg_ctl", "promote", "--pgdata", "/data/17")
    promoted, people.fault = time.monotonic(), "db-standby was promoted"
    topology.podman("network", "disconnect", network, standby)
    topology.podman("network", "connect", "--alias", "db", network, standby)
    left = within_s - (time.monotonic() - promoted)
    wait_until(lambda: works(people.files, port), "downloads after PostgreSQL failed over", left)
    took = time.monotonic() - promoted
    if not running.finish():
        raise Failed("a download that was under way when PostgreSQL was killed did not end byte for byte")
    say(
        "failed over",
        f"PostgreSQL to its synchronous standby: a new download worked {took:.1f} s after it was promoted"
        f" (promised: {within_s:.0f} s)",
    )
