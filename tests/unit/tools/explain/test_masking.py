"""What `xaccel trace` shows has no signature, cookie or password."""

from __future__ import annotations

import json
import string
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from xaccel.tools.explain.masking import Mask

SIGNATURE = st.text(string.ascii_letters + string.digits + "+/=-_%", min_size=16, max_size=60).map(
    lambda text: quote(f"Z9{text}", safe="+/=-_")
)
NAMES = st.sampled_from(
    "X-Amz-Signature x-amz-security-token X-Goog-Signature sig Signature Policy token Expires hdnts s unknown".split()
)


@example([("X-Amz-Signature", "Z900000000000/JWT=")], "#")  # its second half is a secret by its name
@given(st.lists(st.tuples(NAMES, SIGNATURE), min_size=1, max_size=4), st.sampled_from(["#", "?"]))
def test_no_value_of_a_query_is_shown(parameters: list[tuple[str, str]], mark: str) -> None:
    query = "&".join(f"{name}={value}" for name, value in parameters)
    url = f"https://user:{parameters[0][1]}@cdn.test/a/b.pdf{mark}{query}"
    mask = Mask([])
    shown = json.dumps(
        mask.everywhere(
            {
                "hops": [
                    {"before": f"echo {parameters[0][1]}"} if "Amz" in parameters[0][0] else {},
                    {"url": url, "headers": [{"name": "Location", "value": url}]},
                    {"name": "Link", "value": f'<{url}>; rel="next"'},
                    {"report": json.dumps({"url": url})},
                ]
            }
        )
    )
    assert [value for _, value in parameters if value in shown] == []
    assert "cdn.test/a/b.pdf" in shown
    assert not [value for _, value in parameters if value[:12] in shown]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/a?versionId=v1&X-Amz-Date=2026", "/a?versionId=v1&X-Amz-Date=2026"),
        ("/a?named=1&other=2", "/a?named=1&other=***"),
        ("/a?eyJhbGciOiJIUzI1NiJ9", "/a?***"),
        ("/exp=1~hmac=0123/video.mp4", "/***/video.mp4"),
        ("//me:pw@host/a", "//***@host/a"),
        ("text/html; charset=utf-8", "text/html; charset=utf-8"),
        ('inline; filename="a = b?.pdf"', 'inline; filename="a = b?***"'),
    ],
)
def test_values_that_are_not_secret_are_not_masked(text: str, shown: str) -> None:
    assert Mask([], ["named"]).everywhere(text) == shown


def test_a_masked_value_is_masked_everywhere() -> None:
    sent = {"Cookie": "sessionid=abcdef0123456; a=b", "Range": "bytes=0-1", "X-Own": "hunter2hunter2"}
    came = {"Set-Cookie": "s=0123456789abc; HttpOnly", "ETag": '"e1"', "Xaccel-Cache-Key": "k"}
    texts = [
        "abcdef0123456",
        "it was hunter2hunter2",
        "0123456789abc",
        "the-secret-of-the-site",
        '"e1" HttpOnly',
    ]
    shown = Mask(["the-secret-of-the-site"]).everywhere(
        {
            "texts": texts,
            "request_headers": [{"name": name, "value": value} for name, value in sent.items()],
            "response_headers": [{"name": name, "value": value} for name, value in came.items()],
        }
    )
    assert [each["value"] for each in shown["request_headers"]] == ["***", "bytes=0-1", "***"]
    assert [each["value"] for each in shown["response_headers"]] == ["***", '"e1"', "k"]
    assert shown["texts"] == ["***", "it was ***", "***", "***", '"e1" HttpOnly']
