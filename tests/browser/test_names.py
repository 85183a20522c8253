"""The name under which Chromium saves, against a port of Chromium's own rules that is none of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from browser_download_filename import suggested_filename

from tests.browser.conftest import Shown
from tests.conftest import on_one_build

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = on_one_build

UNCHANGED = [
    "report.pdf", "two  words and more.txt", "no extension", "it's (1) [final], really; yes!.pdf", "a=b.pdf",
    "2 + 2 = 4.txt", "100%.pdf", "50%20off.txt", "%41%2e%2e%2fpasswd.txt", "Track #7.mp3", "C++ & C#.txt",
    "$HOME `id` ^ {x}.txt", "utf-8''%41.pdf", "archive.tar.gz", "日本語のレポート.pdf", "تقرير سنوي.pdf", "דוח.pdf",
    "été.pdf", "😀🎉.png", "a;b;.pdf", "a; filename=evil.exe", "-rf.txt", "あ" * 65 + ".pdf",
]  # fmt: skip
CHANGED = {
    'say "hi".pdf': "say _hi_.pdf",
    '\\"; filename="evil.exe': "__; filename=_evil.exe",
    "a*b?c:d<e>f|g.txt": "a_b_c_d_e_f_g.txt",
    "../../etc/passwd": "_.._etc_passwd",
    "..\\..\\evil.exe": "_.._evil.exe",
    ".htaccess": "htaccess",
    " leading.pdf": "leading.pdf",
    "trailing.pdf. .": "trailing.pdf",
    "\u202efdp.exe": "fdp.exe",
    "~root.pdf": "_root.pdf",
    "=?utf-8?Q?evil=2Eexe?=": "=_utf-8_Q_evil=2Eexe_=",
    "e\u0301te\u0301.pdf": "été.pdf",
    "あ" * 300 + ".pdf": "あ" * 65 + ".pdf",
    "👩\u200d👧.png": "👩_👧.png",
    "...": "download",
}


def test_each_file_is_saved_under_chromiums_form_of_its_name(shown: Shown, page: Page) -> None:
    page.goto(f"{shown.nginx.url}/page")
    saved, expected = {}, {}
    for name in [*UNCHANGED, *CHANGED]:
        target = shown.target("note.txt", filename=name, as_attachment=True)
        with page.expect_download() as waiting:
            page.evaluate("target => { location.href = target }", target)
        saved[name] = waiting.value.suggested_filename
        expected[name] = suggested_filename(shown.ask(target, "HEAD").headers, platform="posix")
    assert saved == expected
    assert saved == {name: name for name in UNCHANGED} | CHANGED
