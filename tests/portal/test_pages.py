"""The portal's pages as users see them."""

from __future__ import annotations

import re
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from portal.files.models import File, Grant
from tests.portal import settings as configured
from tests.portal.rows import NOW, download, transfer
from xaccel.audit.models import Transfer

TRACES = [
    configured.BUCKET,
    configured.ENDPOINT,
    "storage.invalid",
    configured.ACCESS_KEY,
    configured.S3_SECRET,
]
NAMES = ["四半期報告書.pdf", "تقرير.pdf", 'Minutes "final" & <b>.pdf', "50% off + more #1.txt"]


def give(user, names):
    for name in names:
        file = File.objects.create(
            name=name, key=f"key/{name}", size=300 * 1024**2, content_type="application/pdf", sha256="d" * 64
        )
        Grant.objects.create(file=file, user=user)


def text_of(response):
    parts: list[str] = []
    parser = HTMLParser()
    parser.handle_data = parts.append  # type: ignore[method-assign]
    parser.feed(response.content.decode())
    return " ".join(" ".join(parts).split())


def test_an_empty_list_names_the_next_step(person, signed_in):
    words = text_of(signed_in(person("sam")).get(reverse("files")))
    assert "Nothing has been shared with you yet" in words
    assert "tell the sender your user name: sam" in words


def test_the_count_on_the_first_page_includes_folders(person, signed_in):
    user = person("mei")
    give(user, ["one.pdf", "two.pdf", "three.pdf"])
    File.objects.filter(name="two.pdf").update(folder="Finance")
    browser = signed_in(user)
    assert "3 files shared with you" in text_of(browser.get(reverse("files")))
    assert "1 file shared with you" in text_of(browser.get(reverse("files"), {"folder": "Finance"}))
    File.objects.update(folder="Finance")
    assert "3 files shared with you" in text_of(browser.get(reverse("files")))


def test_a_folder_without_files_is_named_so(person, signed_in):
    user = person("mei")
    give(user, ["one.pdf"])
    words = text_of(signed_in(user).get(reverse("files"), {"folder": "gone"}))
    assert "No files in this folder" in words
    assert "Nothing has been shared" not in words


def test_list_shows_names_sizes_and_links(person, signed_in):
    user = person("mei")
    give(user, NAMES)
    response = signed_in(user).get(reverse("files"))
    words = text_of(response)
    for name in NAMES:
        assert name in words
    assert words.count("300.0\N{NO-BREAK SPACE}MB".replace("\N{NO-BREAK SPACE}", " ")) == len(NAMES)
    for file in File.objects.all():
        assert reverse("download", args=[file.pk]) in response.content.decode()


def test_search_wants_every_word_in_any_order(person, signed_in):
    user = person("mei")
    give(user, ["Annual report.pdf", "Report of the annual meeting.pdf", "Annual budget.pdf"])
    response = signed_in(user).get(reverse("files"), {"q": "report ANNUAL"})
    assert {file.name for file in response.context["files"]} == {
        "Annual report.pdf",
        "Report of the annual meeting.pdf",
    }


@pytest.mark.parametrize("words", ["zzz", "%", "<script>alert(1)</script>", "nul\0"])
def test_search_without_a_match_says_so(words, person, signed_in):
    user = person("mei")
    give(user, ["Annual report.pdf"])
    response = signed_in(user).get(reverse("files"), {"q": words})
    assert "No file found" in text_of(response)
    assert b"<script>" not in response.content


def test_many_files_come_in_pages_and_the_search_is_kept(person, signed_in):
    user = person("mei")
    give(user, [f"Invoice {number}.pdf" for number in range(45)])
    browser = signed_in(user)
    seen = set()
    for page in (1, 2, 3):
        response = browser.get(reverse("files"), {"q": "invoice", "page": page})
        seen |= {file.name for file in response.context["files"]}
        assert f"Page {page} of 3" in text_of(response)
    assert len(seen) == 45
    assert "q=invoice&amp;page=2" in response.content.decode()
    assert browser.get(reverse("files"), {"page": 4}).status_code == 404


@pytest.mark.parametrize(
    ("asked", "content_type", "shown"),
    [
        ("download", "application/pdf", "begun"),
        ("open", "application/pdf", "preview"),
        ("open", "application/zip", "begun"),
        ("preview", "application/zip", "begun"),
    ],
)
def test_sign_in_for_a_file_leads_to_a_page(asked, content_type, shown, person, file):
    File.objects.update(content_type=content_type)
    Grant.objects.create(file=file, user=person("mei"))
    entered = {"username": "mei", "password": "password of mei", "next": reverse(asked, args=[file.pk])}
    page = Client().post(reverse("login"), entered, follow=True)
    assert (page.status_code, page.request["PATH_INFO"]) == (200, reverse(shown, args=[file.pk]))
    assert reverse("download", args=[file.pk]) in page.content.decode()


def test_start_of_a_download_names_the_file_and_starts_it(person, file, signed_in):
    user = person("mei")
    where = reverse("begun", args=[file.pk])
    assert signed_in(user).get(where).status_code == 404
    assert Transfer.objects.get().reason == "no grant"
    Grant.objects.create(file=file, user=user)
    page = signed_in(user).get(where)
    assert "Your download has begun Report.pdf , 1.2 KB" in text_of(page)
    download_address = reverse("download", args=[file.pk])
    assert f'<meta http-equiv="refresh" content="0; url={download_address}">' in page.content.decode()


def test_sign_in_leads_to_the_requested_page(person, file):
    Grant.objects.create(file=file, user=person("mei"))
    browser, wanted = Client(enforce_csrf_checks=True), reverse("preview", args=[file.pk])
    page = browser.get(wanted, follow=True)
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.content.decode())
    entered = {
        "csrfmiddlewaretoken": token[1],
        "username": "mei",
        "password": "password of mei",
        "next": wanted,
    }
    assert browser.post(reverse("login"), entered)["Location"] == wanted


def test_sign_in_does_not_lead_to_another_site(person):
    person("mei")
    entered = {"username": "mei", "password": "password of mei", "next": "https://elsewhere.example/"}
    assert Client().post(reverse("login"), entered)["Location"] == reverse("files")


def test_a_wrong_password_is_reported_at_the_field(person):
    person("mei")
    page = Client().post(reverse("login"), {"username": "mei", "password": "wrong"}).content.decode()
    assert 'role="alert" id="problem"' in page
    assert page.count('aria-invalid="true" aria-describedby="problem"') == 2


def test_sign_out_needs_a_form_and_ends_the_session(person, signed_in):
    browser = signed_in(person("mei"))
    assert browser.get(reverse("logout")).status_code == 405
    assert browser.post(reverse("logout"))["Location"] == reverse("login")
    assert browser.get(reverse("files")).status_code == 302


def test_sign_out_from_a_page_of_an_older_session_signs_out(person):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(person("mei"))
    response = browser.post(reverse("logout"), headers={"Origin": "http://testserver"})
    assert response["Location"] == reverse("login")
    assert browser.get(reverse("files")).status_code == 302


@pytest.mark.parametrize("origin", [None, "null", "http://other.testserver", "http://testserver:8080"])
def test_no_page_of_another_host_signs_out(person, origin):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(person("mei"))
    assert browser.post(reverse("logout"), headers={"Origin": origin} if origin else {}).status_code == 403
    assert browser.get(reverse("files")).status_code == 200


def test_browsers_find_the_icon(client):
    assert client.get("/favicon.ico")["Location"] == "/static/portal/icon.svg"


def test_form_without_token_gets_the_page_that_explains(person):
    response = Client(enforce_csrf_checks=True).post(reverse("login"), {"username": "mei", "password": "x"})
    assert response.status_code == 403
    assert "The form was out of date" in text_of(response)


def every_page(person, signed_in, file):
    user = person("root", superuser=True)
    Grant.objects.create(file=file, user=user)
    browser = signed_in(user)
    browser.raise_request_exception = False
    browser.get(reverse("download", args=[file.pk]))
    yield Client().get(reverse("login"))
    for path in (
        "/",
        "/?folder=x",
        f"/files/{file.pk}/preview",
        "/downloads",
        "/statistics",
        "/nothing-here",
        "/files/not-a-uuid/download",
        "/admin/",
    ):
        yield browser.get(path)
    for path in ("file/", f"file/{file.pk}/change/", "grant/", "file/add/"):
        yield browser.get(f"/admin/files/{path}")
    for path in ("transfer/", "download/"):
        yield browser.get(f"/admin/xaccel_audit/{path}")
    yield Client(enforce_csrf_checks=True).post(reverse("login"))


def test_every_page_is_protected_has_a_language_and_nothing_inline_and_hides_the_storage(
    person, signed_in, file
):
    for response in every_page(person, signed_in, file):
        everything = response.content.decode() + str(response.headers)
        assert not [trace for trace in TRACES if trace in everything]
        policy = response["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert response["X-Frame-Options"] == "DENY"
        assert response["Referrer-Policy"] == "same-origin"
        page = response.content.decode()
        assert re.search(r'<html lang="en', page)
        assert not re.search(
            r"<style|<script(?![^>]*(src=|application/json))|\son\w+=|https?://(?!www.w3.org)", page
        )


def test_an_error_page_does_not_describe_the_error(mei, signed_in, file, settings):
    settings.XACCEL = {**settings.XACCEL, "ORIGINS": {}}
    browser = signed_in(mei)
    browser.raise_request_exception = False
    response = browser.get(reverse("download", args=[file.pk]))
    assert response.status_code == 500
    assert "Something went wrong on our side" in text_of(response)
    assert not [trace for trace in TRACES if trace in response.content.decode()]


def test_my_downloads_lists_only_the_users_downloads(person, file, signed_in):
    mei, sam = person("mei"), person("sam")
    Grant.objects.create(file=file, user=mei)
    signed_in(mei).get(reverse("download", args=[file.pk]))
    assert "Report.pdf Downloaded" in text_of(signed_in(mei).get(reverse("downloads")))
    assert "Report.pdf" not in text_of(signed_in(sam).get(reverse("downloads")))


def test_pages_are_not_kept_by_the_browser(person, signed_in):
    for name in ("files", "downloads", "statistics"):
        assert "no-store" in signed_in(person("mei", superuser=True)).get(reverse(name))["Cache-Control"]


def test_a_click_on_a_heading_sorts_up_and_the_next_one_down(person, signed_in):
    browser, user = signed_in(person("mei")), person("mei")
    give(user, ["b.pdf", "A.pdf", "c.pdf"])
    File.objects.filter(name="b.pdf").update(size=7)
    for asked, names in (
        ("name", ["A.pdf", "b.pdf", "c.pdf"]),
        ("-name", ["c.pdf", "b.pdf", "A.pdf"]),
        ("size", ["b.pdf", "A.pdf", "c.pdf"]),
        ("key", ["c.pdf", "A.pdf", "b.pdf"]),
    ):
        response = browser.get(reverse("files"), {"sort": asked})
        assert [file.name for file in response.context["files"]] == names
    page = browser.get(reverse("files"), {"sort": "name", "q": "pdf"}).content.decode()
    assert 'aria-sort="ascending"><a class="sort" href="?sort=-name&amp;q=pdf">Name</a>' in page


def test_a_folder_has_its_files_and_the_first_page_has_the_folder(person, signed_in):
    user = person("mei")
    give(user, ["Plain.pdf", "Odd.pdf", "Stranger.pdf"])
    File.objects.exclude(name="Plain.pdf").update(folder="Difficult & odd")
    Grant.objects.filter(file__name="Stranger.pdf").update(user=person("sam"))
    browser = signed_in(user)
    first = browser.get(reverse("files"))
    assert [file.name for file in first.context["files"]] == ["Plain.pdf"]
    assert list(first.context["folders"]) == [{"folder": "Difficult & odd", "many": 1}]
    link = re.search(r'class="folder">.*?href="([^"]+)"', first.content.decode(), re.DOTALL)[1]
    inside = browser.get(reverse("files") + link)
    assert [file.name for file in inside.context["files"]] == ["Odd.pdf"]
    found = browser.get(reverse("files"), {"q": "pdf"}).context["files"]
    assert {file.name for file in found} == {"Plain.pdf", "Odd.pdf"}


@pytest.mark.parametrize(
    ("content_type", "element"),
    [
        ("image/png", "img"),
        ("image/svg+xml", "img"),
        ("video/webm", "video"),
        ("audio/ogg", "audio"),
        ("application/pdf", "iframe"),
        ("text/plain; charset=utf-8", "iframe"),
    ],
)
def test_preview_shows_the_file_and_leads_back(person, signed_in, file, content_type, element):
    File.objects.update(content_type=content_type)
    Grant.objects.create(file=file, user=person("mei"))
    browser = signed_in(person("mei"))
    page = browser.get(reverse("preview", args=[file.pk]))
    assert f'<{element} src="{reverse("open", args=[file.pk])}"' in page.content.decode()
    assert "Back to my files" in text_of(page)
    assert browser.get(reverse("open", args=[file.pk]))["Xaccel-Header-X-Frame-Options"] == "SAMEORIGIN"
    assert browser.get(reverse("download", args=[file.pk]))["Xaccel-Header-X-Frame-Options"] == "DENY"


def test_preview_of_a_web_page_downloads_it_and_one_of_another_user_is_404(person, signed_in, file):
    File.objects.update(content_type="text/html")
    Grant.objects.create(file=file, user=person("mei"))
    where = reverse("preview", args=[file.pk])
    assert signed_in(person("mei")).get(where)["Location"] == reverse("begun", args=[file.pk])
    assert signed_in(person("sam")).get(where).status_code == 404
    assert Transfer.objects.get().reason == "no grant"


def test_administrator_lands_on_the_statistics_and_others_on_their_files(person):
    for name, options, where in (("root", {"superuser": True}, "statistics"), ("mei", {}, "files")):
        person(name, **options)
        for following in ("", "/"):
            entered = {"username": name, "password": f"password of {name}", "next": following}
            assert Client().post(reverse("login"), entered)["Location"] == reverse(where)


def test_a_video_watched_in_parts_is_one_row(person, file, signed_in):
    mei = person("mei")
    watched = download(file.key, subject=str(mei.pk), transfers=3, sent_bytes=380, sent_complete=False)
    for minutes in (3, 2, 1):
        at = NOW - timedelta(minutes=minutes)
        transfer(
            file.key,
            subject=str(mei.pk),
            decided_at=at,
            download=watched,
            filename="Film.webm",
            as_attachment=False,
        )
    transfer(file.key, subject=str(mei.pk), decided_at=NOW, outcome="granted", filename="Film.webm")
    words = text_of(signed_in(mei).get(reverse("downloads")))
    assert words.count("Film.webm") == 2
    assert "Film.webm Opened 38 % of the file, in 3 requests" in words


def test_only_the_demo_explains_itself_and_only_on_its_first_page(person, signed_in, settings):
    browser = signed_in(person("mei"))
    assert "what to try" not in text_of(browser.get(reverse("files")))
    settings.DEMO = True
    assert "what to try" in text_of(browser.get(reverse("files")))
    assert "what to try" not in text_of(browser.get(reverse("files"), {"q": "x"}))


def test_the_demo_ticks_off_what_was_tried_today(person, signed_in, settings, file):
    settings.DEMO = True
    now, mei = timezone.now(), person("mei")
    browser = signed_in(mei)

    def done() -> str:
        return text_of(browser.get(reverse("files"))).partition("what to try: ")[2].partition(" done")[0]

    # the trail of a new demo has earlier months
    transfer("none", subject=str(mei.pk), decided_at=now - timedelta(days=2), outcome="denied")
    assert done() == "0 of 5"
    transfer("none", subject=str(mei.pk), decided_at=now, outcome="denied")
    assert done() == "1 of 5"
    for key, size, content_type, number in (
        ("film", 5, "video/webm", "2 of 5"),
        ("archive", 300_000_000, "application/zip", "3 of 5"),
    ):
        File.objects.create(key=key, name=key, size=size, content_type=content_type, sha256="a" * 64)
        download(key, last_at=now, transfers=1)
        assert done() != number
        download(key, last_at=now, transfers=2)
        assert done() == number
    signed_in(person("root", superuser=True))
    assert done() == "4 of 5"
    File.objects.create(key="uploads/a", name="of its user", size=5)
    assert done() == "5 of 5"
