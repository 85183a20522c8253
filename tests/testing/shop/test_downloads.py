"""The user's own tests: what the view hands off, what the client receives, and the same behind NGINX."""

import urllib.request
from urllib.error import HTTPError

import pytest

from xaccel_testing import assert_hand_off, assert_nothing_leaked
from xaccel_testing.django import Client


@pytest.fixture
def stored(xaccel_stack, monkeypatch):
    """A document in the bucket, and the test's own process with the same storage as the application."""
    from xaccel_testing.stack import s3_environment

    for name, value in s3_environment(xaccel_stack.s3).items():
        monkeypatch.setenv(name, value)
    xaccel_stack.put("documents", "2026/report.pdf", b"%PDF- the report", "application/pdf")
    return xaccel_stack


def test_who_knows_the_word_is_handed_the_document(client, stored):
    response = client.get("/documents/2026/report.pdf?word=friend")
    assert_hand_off(
        response,
        origin="documents",
        key="2026/report.pdf",
        filename="Document 2026_report.pdf",
        as_attachment=True,
    )
    assert_nothing_leaked(response, stored.s3.access_key, stored.s3.secret_key, "s3.test")


def test_nobody_else_is(client):
    response = client.get("/documents/2026/report.pdf")
    assert response.status_code == 403
    assert_nothing_leaked(response, "documents.s3")


def test_the_client_receives_the_document_without_nginx(stored):
    response = Client().get("/documents/2026/report.pdf?word=friend")
    assert (response.status_code, response.content) == (200, b"%PDF- the report")
    assert response["Content-Type"] == "application/pdf"
    assert Client().get("/documents/missing.pdf?word=friend").status_code == 404


def test_the_document_arrives_through_nginx(stored):
    before = len(stored.lines())
    request = urllib.request.Request(
        f"{stored.url}/documents/2026/report.pdf?word=friend", headers={"Range": "bytes=0-4"}
    )
    with urllib.request.urlopen(request) as answer:
        assert_nothing_leaked(answer, stored.s3.access_key, stored.s3.endpoint)
    with urllib.request.urlopen(request) as answer:
        assert (answer.status, answer.read()) == (206, b"%PDF-")
    line = stored.lines(at_least=before + 2)[-1]
    assert (line["status"], line["origin_status"], line["origin"]) == ("206", "206", "documents")


def test_nginx_sends_nothing_to_others(stored):
    with pytest.raises(HTTPError) as refused:
        urllib.request.urlopen(f"{stored.url}/documents/2026/report.pdf")
    assert refused.value.code == 403
    refused.value.close()


def test_a_command_of_the_project_runs_beside_the_servers(stored):
    shown = stored.run("-c", "import settings; print(settings.XACCEL['ORIGINS'])")
    assert "documents" in shown
