"""URLs and redirects: the engine decides as a plain Python model does, for hostile and random inputs."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from tests.maps.bench import Bench
from tests.maps.inputs import BYTES, mostly, require_same, spoiled
from tests.maps.url_model import FOLLOWED, has_dots, matches, resolved, taken_apart

HOMES = [
    "https://a.test",
    "http://a.test",
    "https://a.test:8443",
    "http://[2001:db8::1]",
    "https://192.0.2.1",
]
ALLOWED = {
    "https://cdn.test": "https://to_cdn",
    "http://plain.test": "http://to_plain",
    "https://port.test:9443": "https://to_port",
    "https://*.suffix.test": "",
    "http://*.plain-suffix.test": "",
    "https://*.port-suffix.test:9443": "",
}
PEERS = "".join(f" {base}={peer}" for base, peer in ALLOWED.items())
HOSTS = [
    "a.test", "a.test:443", "a.test:80", "a.test:8443", "A.TEST", "[2001:db8::1]", "[2001:db8::1]:80", "192.0.2.1",
    "192.0.2.1:443", "cdn.test", "cdn.test:443", "CDN.test", "plain.test", "plain.test:80", "port.test:9443",
    "port.test", "b.suffix.test", "c.b.suffix.test:443", "suffix.test", ".suffix.test", "b.plain-suffix.test",
    "b.port-suffix.test:9443", "b.port-suffix.test", "evil.test", "a.test.evil.test", "a.test@evil.test",
    "evil.test@a.test", "user:pass@a.test", "a.test%2f.evil.test", "a.test:", "a.test:999999", "a.test:0x50", "",
    "a_b.test", "-a.test", "a.test.", "xn--nxasmq6b.test", "a.test\\.evil.test", "127.0.0.1", "2130706433", "[::1]",
    "[::ffff:127.0.0.1]", "[fe80::1%25eth0]", "[", "]", "[]", "localhost", "a.test;b", "a.test#b", "a.test?b",
    "unix:/tmp/x:", "0x7f000001", "a.test=x", "to_cdn", "*.suffix.test", "*", "a.test|cdn.test", "169.254.169.254",
]  # fmt: skip
PATHS = [
    "/", "/a", "/a/b", "/a/b/", "//a", "/a?b=c", "/?", "/a?b/c?d", "/..", "/a/../b", "/%2e%2e/b", "/a;b/c", "/a%00b",
    "/a|b", "/a b", '/a"b', "/a\\b", "/a#b", "", "?a", "/a/..%2fb", "/a/%252e%252e/b", "/~a/!$&'()*+,;=:@", "/\x7f",
    "/é", "/a<b>", "/{a}^`", "/a/./b", "/a/...;/b",
]  # fmt: skip
SCHEMES = [
    "https://", "http://", "HTTPS://", "//", "ftp://", "https:/", "https:", "file://", "javascript:", "\\\\", "",
]  # fmt: skip
STATUSES = [
    "200 : 301", "200 : 302", "200 : 303", "200 : 307", "200 : 308", "200 : 302, 200", "200 : 502, 302",
]  # fmt: skip


def url(random: Random) -> str:
    home = random.choice(HOMES)
    return random.choice([
        home + random.choice(PATHS),
        random.choice(SCHEMES[:3]) + random.choice(HOSTS) + random.choice(PATHS),
    ])  # fmt: skip


def location(random: Random) -> str:
    return random.choice([
        random.choice(SCHEMES) + random.choice(HOSTS) + random.choice(PATHS),
        random.choice(SCHEMES[:3]) + random.choice(HOSTS[:20]) + random.choice(PATHS[:8]),
        random.choice(PATHS).lstrip("/") + random.choice(["", "#", "#é", '#a "b"', "#a#b", ":x"]),
        random.choice(PATHS) + random.choice(["", "#", "#a"]),
    ])  # fmt: skip


def model_of_url(home: str, _: str, text: str) -> str:
    parts = taken_apart(text)
    if parts is None or not matches(parts, home):
        return "refused: url_refused"
    return parts.shown("home")


def model_of_redirect(row: tuple[str, ...]) -> str:
    home, hosts, text, status, to, hops = row
    first = model_of_url(home, hosts, text)
    current = taken_apart(text)
    if current is None or first.startswith("refused"):
        return first
    if " : " not in status or status[-3:] not in FOLLOWED:  # a status alone is the app's
        return first
    target = taken_apart(resolved(to, current))
    if len(hops) >= 4:
        return "refused: too_many_redirects"
    if target is None:
        return (
            f"refused: {'redirect_without_location' if to == '' or to.endswith('|') else 'redirect_refused'}"
        )
    if matches(target, home):
        peer = "home"
    else:
        through = [
            peer or target.base for allowed, peer in ALLOWED.items() if hosts and matches(target, allowed)
        ]
        peer = through[0] if through else ""
    return target.shown(peer) if peer and not is_disguised(target.path) else "refused: redirect_refused"


def is_disguised(path: str) -> bool:
    """The engine also refuses encoded digits of an encoding: test_no_dots_get_through has the model of that."""
    return has_dots(path)


def model_of_parts(text: str) -> str:
    parts = taken_apart(text)
    return "refused: " if parts is None else parts.shown("")


def test_a_url_is_taken_apart(benches: Mapping[str, Bench]) -> None:
    """Wherever it leads: a URL that is not plain gets no further."""
    random = Random(13)
    rows = [(scheme + host + path,) for scheme in SCHEMES for host in HOSTS for path in PATHS]
    rows += [(f"https://a.test/{byte}",) for byte in BYTES] + [(f"https://a{byte}.test/",) for byte in BYTES]
    rows += [(mostly(random, [location(random)], BYTES),) for _ in range(20_000)]
    expected = [model_of_parts(text) for (text,) in rows]
    assert sum(not value.startswith("refused") for value in expected) > 5000
    require_same(benches, "chain/parts", rows, expected)


def test_a_url_of_the_app_is_one_of_the_origin_or_refused(benches: Mapping[str, Bench]) -> None:
    random = Random(1)
    fixed = [scheme + host + path for scheme in SCHEMES for host in HOSTS for path in PATHS]
    bytewise = [f"https://a.test/{byte}" for byte in BYTES] + [f"https://a{byte}.test/" for byte in BYTES]
    samples = [mostly(random, [url(random)], BYTES) for _ in range(20_000)]
    rows = [(random.choice(HOMES), "", text) for text in fixed]
    rows += [("https://a.test", "", text) for text in bytewise]
    rows += [(home, "", text) for text in samples for home in random.sample(HOMES, 2)]
    expected = [model_of_url(*row) for row in rows]
    assert sum(not value.startswith("refused") for value in expected) > 1000
    require_same(benches, "chain/url", rows, expected)


def test_a_redirect_is_resolved_and_followed_or_refused(benches: Mapping[str, Bench]) -> None:
    random = Random(2)
    rows = []
    for _ in range(40_000):
        home = random.choice(HOMES)
        status = random.choice([*STATUSES, *STATUSES, "200 : 200", "200 : 300", "200 : 304", "302", ""])
        to = mostly(random, [location(random)], BYTES)
        rows.append(
            (
                home,
                random.choice([PEERS, PEERS, ""]),
                f"{home}/x/y",
                status,
                to,
                "x" * random.randint(0, 4),
            )
        )
    rows += [(HOMES[0], PEERS, f"{HOMES[0]}/x/y?z", STATUSES[0], f"/{byte}", "") for byte in BYTES]
    rows += [(HOMES[0], PEERS, f"{HOMES[0]}/x/y?z", STATUSES[0], byte, "") for byte in BYTES]
    expected = [model_of_redirect(row) for row in rows]
    assert sum(not value.startswith("refused") for value in expected) > 5000
    require_same(benches, "chain/redirect", rows, expected)


def test_no_dots_get_through_however_often_they_are_encoded(benches: Mapping[str, Bench]) -> None:
    random = Random(3)
    pieces = [
        "%", "2", "5", "e", "E", "f", "F", "c", "3", "b", ".", ".", "/", ";", "%2e", "%25", "%2f", "%5C", "a", "%3b",
    ]  # fmt: skip
    rows = [("/" + "".join(random.choices(pieces, k=random.randint(1, 12))),) for _ in range(60_000)]
    plain = [("/" + "/".join(spoiled(random, "abc", "abc.-_~%20") for _ in range(3)),) for _ in range(20_000)]
    for bench in benches.values():
        found = bench.values("3-where/xaccel_has_dot_segments", rows)
        passed = [path for (path,), value in zip(rows, found, strict=True) if value == "" and has_dots(path)]
        assert passed == []
        found = bench.values("3-where/xaccel_has_dot_segments", plain)
        refused = [
            path
            for (path,), value in zip(plain, found, strict=True)
            if value and not has_dots(path) and "%" not in path
        ]
        assert refused == []
