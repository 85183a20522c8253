"""Which locations deliver from a storage, and which do not."""

from __future__ import annotations

import pytest

from xaccel.tools.lint.configuration import Configuration
from xaccel.tools.lint.location import places
from xaccel.tools.lint.reading import parse

APP = "upstream app { server 127.0.0.1:8000; } server { location / { proxy_pass http://app; } "
LOST = "location /d/ { error_page 404 = @lost; proxy_pass http://app; }"
STORE = "proxy_pass https://store.example/;"


def names(text: str) -> list[str]:
    configuration = Configuration(parse(f"# configuration file nginx.conf:\nhttp {{ {APP} {text} }} }}"))
    return [place.name for place in places(configuration)]


@pytest.mark.parametrize(
    "text",
    [
        f"location /d/ {{ internal; {STORE} }}",
        "location ~ ^/d/(.*) { internal; proxy_pass $1; }",
        f"location @d {{ {STORE} }}",
        f"location /x/ {{ error_page 301 302 307 = @d; proxy_pass http://app; }} location @d {{ {STORE} }}",
        f"{LOST} location @lost {{ proxy_pass $upstream_http_location; }}",
        f"{LOST} location @lost {{ set $to $upstream_http_location; proxy_pass $to; }}",
        "location ~ ^/d/(.*) { proxy_pass https://$1; }",
        "location /d/ { proxy_pass http://$arg_host; }",
        "location /d/ { proxy_pass https://acme.s3.amazonaws.com; }",
        "location /d/ { auth_request /ask; auth_request_set $sig $upstream_http_authorization;"
        " proxy_set_header Authorization $sig; proxy_pass http://store:9000/bucket/; }",
        f"location /d/ {{ internal; if ($arg_x) {{ {STORE} }} }}",
    ],
)  # fmt: skip
def test_it_delivers_from_a_storage(text: str) -> None:
    assert len(names(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "location @app { proxy_pass http://app; } location /s/ { try_files $uri @app; }",
        "location @app { proxy_pass http://127.0.0.1:9; } location /s/ { try_files $uri @app; }",
        f"{LOST} location @lost {{ proxy_pass http://app/404$request_uri; }}",
        "location /d/ { error_page 404 500 /lost; alias /srv/; } location /lost { internal; proxy_pass http://b:9; }",
        "location @app { proxy_pass http://app; }",
        "location /ready { proxy_pass http://backend:6060$request_uri; }",
        "location /ready { proxy_pass $scheme://backend$uri$is_args$args; }",
        "location ~ ^/api(/.*)$ { proxy_pass http://backend$1; }",
        "location ~ ^/api(?<rest>/.*)$ { proxy_pass http://backend$rest; }",
        "location = /ask { internal; proxy_pass http://asks; } location /d/ { auth_request /ask; alias /srv/; }",
        "location /d/ { set $host_ app:8000; proxy_pass http://$host_/; }",
        "location /d/ { internal; alias /srv/; }",
    ],
)  # fmt: skip
def test_it_does_not(text: str) -> None:
    assert names(text) == []


def test_a_map_of_fixed_hosts_is_no_host_that_the_request_chooses() -> None:
    fixed = "map $http_host $to { default a.example; b b.example; }"
    open_ = "map $http_host $to { default $http_x_host; }"
    location = "location /d/ { proxy_pass https://$to/; }"
    configurations = (f"{one} server {{ {location} }}" for one in (fixed, open_))
    found = (Configuration(parse(f"# configuration file c:\n{text}")) for text in configurations)
    assert [len([*places(one)]) for one in found] == [0, 1]
