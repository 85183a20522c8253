"""A plain HTML form stores a file by the same gate, and no form replaces what another one stored."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from html.parser import HTMLParser

from tests.conftest import on_one_build
from tests.live.client import Reply, ask
from tests.live.uploads.scene import Scene, state, trail

BODY = os.urandom(300_000)
BOUNDARY = "----browser-0123456789"


class Page(HTMLParser):
    """A page with a form, as a browser reads it."""

    def __init__(self, site: Scene, user: str = "alice", query: str = "", name: str = "a") -> None:
        super().__init__()
        self.site, self.user = site, user
        self.action, self.fields = "", dict[str, str]()
        reply = ask(site.nginx.port, f"/files/{name}/form{query}", "GET", {"X-User": user})
        self.cookie = reply.all("Set-Cookie")[0].partition(";")[0]
        self.feed(reply.body.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = found["action"]
        elif found.get("type") == "hidden":
            self.fields[found["name"]] = found["value"]

    def send(
        self,
        body: bytes = BODY,
        *,
        action: str = "",
        fields: Mapping[str, str] | None = None,
        user: str = "",
        **headers: str,
    ) -> Reply:
        """Send the form as a browser does."""
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="'
        texts = "".join(
            f'{head}{name}"\r\n\r\n{value}\r\n' for name, value in (fields or self.fields).items()
        )
        file = f'{head}file"; filename="a report.html"\r\nContent-Type: text/html\r\n\r\n'
        whole = f"{texts}{file}".encode() + body + f"\r\n--{BOUNDARY}--\r\n".encode()
        sent = {
            "X-User": user or self.user,
            "Cookie": self.cookie,
            "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
            "Origin": f"http://127.0.0.1:{self.site.nginx.port}",
            **headers,
        }
        return ask(self.site.nginx.port, action or self.action, "POST", sent, whole)


def stored(site: Scene, key: str) -> tuple[bytes, str]:
    found = site.s3.client().get_object(Bucket=site.bucket, Key=key)
    return found["Body"].read(), found["ContentType"]


def test_a_form_stores_a_file_and_the_response_is_the_views(django_site: Scene) -> None:
    before = set(django_site.objects())
    reply = Page(django_site, "iris").send()
    assert reply.status == 201
    made = json.loads(reply.body)
    assert stored(django_site, made["key"]) == (BODY, "application/pdf"), "the type is the app's"
    assert set(django_site.objects()) - before == {made["key"]}, "nothing else is left"
    [told] = [one for one in django_site.told() if one["id"] == made["id"]]
    assert (told["size"], state(django_site, made["id"])) == (len(BODY), "stored")
    assert django_site.entry(id=made["id"])["why"] == ""
    assert ["stored", ""] in [[row[1], row[3]] for row in trail(django_site, "iris")]


@on_one_build
def test_the_address_of_a_form_can_have_a_query_and_encoded_characters(django_site: Scene) -> None:
    page = Page(django_site, query="?more=%3Ffolder%3D7", name="a%20%C3%BC")
    assert page.action.startswith("/files/a%20%C3%BC?folder=7&xaccel_form=")
    assert page.send().status == 201


@on_one_build
def test_a_form_that_is_sent_again_replaces_nothing(django_site: Scene) -> None:
    """S3 takes the same fields again, at any address: the object of the first upload stays."""
    one, other = Page(django_site), Page(django_site)
    first = json.loads(one.send(BODY).body)
    again = json.loads(one.send(b"again").body)
    assert one.send(b"evil", fields=other.fields).status == 422, "the fields of another form"
    assert [stored(django_site, made["key"])[0] for made in (first, again)] == [BODY, b"again"]


@on_one_build
def test_a_form_is_of_its_user_browser_and_address(django_site: Scene) -> None:
    page, other = Page(django_site), Page(django_site, "rob")
    before = django_site.objects(), django_site.told()
    swapped = page.action.replace("/files/a?", "/files/b?")
    seal = page.action.partition("=")[2]
    refused = {
        "another user": page.send(user="rob"),
        "another browser": page.send(Cookie=other.cookie),
        "no cookie": page.send(Cookie=""),
        "another address": page.send(action=swapped),
        "an altered seal": page.send(action=page.action.replace(seal, f"x{seal[1:]}")),
        "another site": page.send(Origin="https://other.example"),
        "another site, says the browser": page.send(**{"Sec-Fetch-Site": "cross-site"}),
    }
    assert {case: reply.status for case, reply in refused.items()} == dict.fromkeys(refused, 403)
    assert (django_site.objects(), django_site.told()) == before


@on_one_build
def test_a_form_has_limits(django_site: Scene) -> None:
    before = django_site.objects()
    page = Page(django_site, query="?max=100000")
    assert page.send(BODY).status == 413, "the length of the form alone is too large"
    assert page.send(BODY[:100_001]).status == 422, "S3 counts the file"
    quota = page.action.replace("?", "?quota=1000&")
    assert page.send(BODY[:2000], action=quota).status == 507
    assert django_site.objects() == before
    assert page.send(BODY[:100_000]).status == 201


@on_one_build
def test_a_form_stores_no_more_than_it_announced(django_site: Scene) -> None:
    """Another request with its fields stores a larger file first."""
    page, client = Page(django_site), django_site.s3.client()
    client.put_object(Bucket=django_site.bucket, Key=page.fields["key"], Body=BODY)
    # with the fields of another form, the request itself stores elsewhere
    assert page.send(b"small", fields=Page(django_site).fields).status == 422


@on_one_build
def test_other_forms_reach_the_app(django_site: Scene) -> None:
    page = Page(django_site)
    assert page.send(b"x", action="/files/a").status == 403, "without the token, by Django"
