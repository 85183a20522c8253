from __future__ import annotations

import re
import unicodedata

import pytest
from browser_download_filename import parse_content_disposition, suggested_filename
from hypothesis import example, given, settings
from hypothesis import strategies as st

from xaccel.errors import FileNameRefused
from xaccel.handoff.disposition import (
    MAX_NAME_BYTES,
    content_disposition,
    name_of_key,
    safe_name,
)
from xaccel_testing.as_nginx import filename_of

PIECES = [
    "a", "Z", "0", ".", "..", ".pdf", " ", "  ", "-", "_", "~", "!#$&()+,@[]^`{}", '"', "'", "\\", "/", "../", "..\\",
    "%", "%25", "%41", "%2e%2e%2f", ";", "=", "*", "; filename=evil.exe", '\\"; filename="evil.exe',
    "UTF-8''", "utf-8''%41",
    "=?utf-8?Q?evil=2Eexe?=", "=?utf-8?B?ZXZpbA==?=", "日本語", "تقرير", "דוח", "é", "e\u0301", "\u0301",
    "😀👩\u200d👧", "\u202e", "\u2066", "\u2069", "\u061c", "\ufb01", "\uff02\uff05\uff1d", "\u00a0", "\u200b",
    "\ufeff", "x" * 150, "あ" * 80,
]  # fmt: skip
PRINTABLE = st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"])
NAMES = st.lists(st.sampled_from(PIECES), max_size=5).map("".join) | st.text(PRINTABLE, max_size=40)


@settings(max_examples=400)
@given(NAMES, st.booleans())
@example("a = b", True)
@example("9 =", True)
@example("", False)
def test_chromium_reads_the_name_that_was_meant(name: str, as_attachment: bool) -> None:
    safe = safe_name(name)
    header = content_disposition(safe, as_attachment=as_attachment)
    parsed = parse_content_disposition(header)
    assert parsed.type == ("attachment" if as_attachment else "inline")
    assert not parsed.blocks_download
    assert unicodedata.normalize("NFC", parsed.filename or "") == unicodedata.normalize("NFC", safe)
    assert re.fullmatch("[ -~]+", header)


@pytest.mark.parametrize(
    ("name", "saved"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..\\evil.exe", "_evil.exe"),
        ("\u202efdp.exe", "fdp.exe"),
        (".htaccess", "htaccess"),
        ('say "hi".pdf', "say _hi_.pdf"),
        ("2 + 2 = 4.pdf", "2 + 2 = 4.pdf"),
        ("100%25.pdf", "100%25.pdf"),
        ("日本語.pdf", "日本語.pdf"),
        ("trailing.", "trailing"),
        ("", "download"),
    ],
    ids=ascii,
)
@pytest.mark.parametrize("platform", ["posix", "windows"])
def test_chromium_saves_under_a_harmless_name(name: str, saved: str, platform: str) -> None:
    header = content_disposition(safe_name(name), as_attachment=True)
    assert suggested_filename([("Content-Disposition", header)], platform=platform) == saved


@pytest.mark.parametrize(
    "mark", "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069", ids=ascii
)
def test_no_character_that_turns_the_direction_is_kept(mark: str) -> None:
    assert safe_name(f"{mark}a{mark}{mark}b.pdf{mark}") == "ab.pdf"


@pytest.mark.parametrize("name", [b"a.pdf", 7, None], ids=repr)
def test_a_name_that_is_not_text_is_refused(name: object) -> None:
    with pytest.raises(FileNameRefused, match="not text"):
        safe_name(name)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "cut"),
    [
        ("x" * 300 + ".pdf", "x" * 196 + ".pdf"),
        ("x" * 300 + ".tar.gz", "x" * 193 + ".tar.gz"),
        ("あ" * 300 + ".pdf", "あ" * 65 + ".pdf"),
        ("x" + "あ" * 300 + ".pdf", "x" + "あ" * 65 + ".pdf"),
        ("😀" * 300, "😀" * 50),
        ("x" * 190 + " ." * 40 + ".pdf", "x" * 190 + ".pdf"),
        ("x" * 200, "x" * 200),
        ("x" * 196 + ".pdf", "x" * 196 + ".pdf"),
        ("x" * 197 + ".pdf", "x" * 196 + ".pdf"),
        ("x." + "y" * 300, "x." + "y" * 198),
    ],
    ids=lambda name: f"{ascii(name)[:12]}-{len(name)}",
)
def test_a_long_name_is_cut_and_keeps_its_extension(name: str, cut: str) -> None:
    assert safe_name(name) == cut
    assert len(cut.encode()) <= MAX_NAME_BYTES


@given(st.text(PRINTABLE, max_size=400))
@example(" .a")
@example("x" * 199 + " .pdf")
@example("." * 210 + "pdf")
def test_a_safe_name_is_short_one_segment_and_stays(name: str) -> None:
    safe = safe_name(name)
    assert 0 < len(safe.encode()) <= MAX_NAME_BYTES
    assert not set(safe) & set("/\\\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")
    assert safe == safe.strip(" ")
    assert not safe.endswith(".")
    assert safe_name(safe) == safe


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("a/b/c.pdf", "c.pdf"),
        ("c.pdf", "c.pdf"),
        ("a/folder/", "folder"),
        ("/", "download"),
        ("", "download"),
        ("a/..", "download"),
        ("a/b\\c.pdf", "b_c.pdf"),
        ("a/b\r\nX: 1.pdf", "b__X: 1.pdf"),
        ("a/b\x00.pdf", "b_.pdf"),
        ("a/\ud800.pdf", "?.pdf"),
        ("a/100%25.pdf", "100%25.pdf"),
    ],
    ids=ascii,
)
def test_a_key_always_gives_a_name(key: str, name: str) -> None:
    assert name_of_key(key) == name


@given(st.text(max_size=60))
def test_no_key_is_refused_for_its_name(key: str) -> None:
    header = content_disposition(name_of_key(key), as_attachment=True)
    assert re.fullmatch("[ -~]+", header)


@given(st.from_regex("[A-Za-z0-9 ._-]{1,120}", fullmatch=True))
@example("a.")
@example(" a")
def test_a_plain_last_segment_is_the_same_name_as_a_given_one(name: str) -> None:
    assert name_of_key(f"a/{name}") == safe_name(name)


@pytest.mark.parametrize("name", ["report.pdf", "Übersicht 100 %.pdf", "50%.txt"])
def test_the_name_that_a_browser_saves_is_read_back(name: str) -> None:
    assert filename_of(content_disposition(name, as_attachment=True)) == name
    assert filename_of("inline") is None
