"""Maps that accept a hand-off: the secret, as `xaccel config` writes it, then the id, against a Python model."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from uuid import RFC_4122, UUID

from tests.maps.bench import Bench
from tests.maps.chains import SECRETS
from tests.maps.inputs import BYTES, mostly, require_same

ID = "0190a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b"
IDS = [
    ID, "0190a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1c", "0190a0b1-c2d3-4e4f-8a5b-6c7d8e9f0a1b", ID.upper(), "",
    "0190a0b1-c2d3-7e4f-ca5b-6c7d8e9f0a1b", ID.replace("-", ""), f"{{{ID}}}", "forged", "no_id", f"{ID}|{ID}",
]  # fmt: skip
AUTHS = [
    *SECRETS, *SECRETS, "", "|".join(SECRETS), " ".join(SECRETS), ", ".join(SECRETS), SECRETS[0][:-1], SECRETS[0] + "x",
    SECRETS[0].upper(), SECRETS[1].replace(".", "x"), SECRETS[1].replace("+", "9"), ".*", "^", "$", "(?:)", "forged",
]  # fmt: skip
ARGS = [
    "", ID, "forged", "1|", f"|{ID}|404", "a=b", f"{ID}&a", f"1|{ID}", "trusted site= origin=o",
    "trusted site= trusted site= origin=o",
]  # fmt: skip


def is_id(text: str) -> bool:
    """Tell whether this is a UUIDv7 as xaccel writes it."""
    try:
        found = UUID(text)
    except ValueError:
        return False
    return str(found) == text and found.version == 7 and found.variant == RFC_4122


def model(auth: str, claimed: str, length: str, *_more: str) -> str:
    if auth not in SECRETS:
        return " forged"
    if length == "0":
        return " subrequest"
    return "1 " if is_id(claimed) else " no_id"


def test_only_the_app_hands_off(benches: Mapping[str, Bench]) -> None:
    random = Random(11)
    rows = []
    for _ in range(40_000):
        claimed, auth = mostly(random, IDS, BYTES), mostly(random, AUTHS, BYTES)
        # an earlier transfer of the same request, and what the location of another backend left
        earlier, args = random.choice([ID, "", IDS[1]]), random.choice(ARGS)
        rows.append((auth, claimed, random.choice(["0", "1", "300"]), earlier, args, "/_xaccel/o"))
    rows += [(SECRETS[0] + byte, ID, "9", ID, "", "/_xaccel/o") for byte in BYTES]
    rows += [(byte + SECRETS[0], ID, "9", ID, "", "/_xaccel/o") for byte in BYTES]
    rows += [(SECRETS[0], ID + byte, "9", ID, "", "/_xaccel/o") for byte in BYTES]
    expected = [model(*row) for row in rows]
    assert {"1 ", " forged", " no_id", " subrequest"} == set(expected)
    require_same(benches, "chain/hand-off", rows, expected)


def test_a_request_without_a_hand_off_is_never_one(benches: Mapping[str, Bench]) -> None:
    """Whatever the arguments and the id are: only an id in both, of the same transfer, is a hand-off."""
    random = Random(12)
    rows = [(mostly(random, [*ARGS, *IDS], BYTES), random.choice(["", ID, IDS[1]])) for _ in range(20_000)]
    expected = ["1" if transfer and args == transfer else "" for args, transfer in rows]
    require_same(benches, "2-hand-off/xaccel_is_handed_off", rows, expected)
