"""The classic configuration: the recipe of "Using NGINX's X-Accel with remote URLs", which many projects copied."""

from __future__ import annotations

from xaccel.tools.nginx.emit import Directive, Raw, block, directive

RESOLVER = "127.0.0.1"
"""Never asked: the measured origin is an address. That favours the recipe, as does that it verifies no certificate."""


def server(port: int) -> Directive:
    """Print a server of its own, so that both configurations run in the same NGINX."""
    return block(
        "server",
        inside=[
            directive("listen", f"127.0.0.1:{port}"),
            block(
                "location",
                "/",
                inside=[
                    directive("proxy_pass", "http://xaccel_app"),
                    directive("proxy_http_version", "1.1"),
                    directive("proxy_set_header", "Connection", ""),
                    directive("proxy_set_header", "Host", Raw("$host")),
                ],
                why="The app is asked as our own text asks it: the recipe says nothing about it.",
            ),
            block("location", "=", "/pid", inside=[directive("return", "200", Raw("$pid"))]),
            *_recipe(),
        ],
    )


def hand_off(url: str) -> dict[str, str]:
    """Return what the app answers for `url`: scheme and the rest are parts of the path."""
    scheme, _, rest = url.partition("://")
    return {"X-Accel-Redirect": f"/media_download/{scheme}/{rest}"}


def _recipe() -> list[Directive]:
    return [
        block(
            "location",
            Raw("~"),
            Raw("^/media_download/(.*?)/(.*?)/(.*)"),
            inside=[
                directive("internal"),
                directive("resolver", RESOLVER, "ipv6=off"),
                directive("set", Raw("$download_protocol"), Raw("$1")),
                directive("set", Raw("$download_host"), Raw("$2")),
                directive("set", Raw("$download_path"), Raw("$3")),
                directive(
                    "set", Raw("$download_url"), Raw("$download_protocol://$download_host/$download_path")
                ),
                directive("proxy_set_header", "Host", Raw("$download_host")),
                directive("proxy_set_header", "Authorization", ""),
                directive("proxy_set_header", "Cookie", ""),
                directive("proxy_hide_header", "x-amz-request-id"),
                directive("proxy_hide_header", "x-amz-id-2"),
                directive("proxy_max_temp_file_size", 0),
                directive("proxy_pass", Raw("$download_url$is_args$args")),
                directive("proxy_intercept_errors", "on"),
                directive("error_page", "301", "302", "307", "=", "@handle_redirect"),
            ],
        ),
        block(
            "location",
            "@handle_redirect",
            inside=[
                directive("resolver", RESOLVER, "ipv6=off"),
                directive("set", Raw("$saved_redirect_location"), Raw("'$upstream_http_location'")),
                directive("proxy_pass", Raw("$saved_redirect_location")),
            ],
        ),
    ]
