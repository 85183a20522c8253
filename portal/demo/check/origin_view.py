"""What does an origin learn of the user, and can it steer NGINX or the browser?"""

from __future__ import annotations

from collections.abc import Iterator

from portal.demo.check.answer import Answer, verdict
from portal.demo.check.scene import Scene
from portal.demo.probes import ECHO_LINE, ECHOED, USER_AGENT

_SENT = {
    "Authorization": "Basic YWxpY2U6c2VjcmV0",
    "Referer": "http://portal.example/private",
    "Origin": "http://portal.example",
    "X-CSRFToken": "token-of-the-form",
    "X-Secret": "private",
    "X-Forwarded-For": "203.0.113.7",
}


def ask(scene: Scene) -> Iterator[Answer]:
    prober = scene.browser("prober")
    answer = prober.get(scene.probe_path("echo"), _SENT, keep=True)
    told = dict(line.partition("=")[::2] for line in answer.text.splitlines()[1:])
    reached = answer.status == 200 and answer.text.startswith(ECHO_LINE) and told.keys() == {*ECHOED}
    if reached and USER_AGENT.fullmatch(told["User-Agent"]):
        told["User-Agent"] = ""
    nothing = f"the origin was not reached: {answer}"
    for check, names in (
        ("origin-gets-no-cookie", ("Cookie", "X-CSRFToken")),
        ("origin-gets-no-authorization", ("Authorization",)),
        (
            "origin-gets-no-private-header",
            tuple(name for name in ECHOED if name not in ("Cookie", "Authorization")),
        ),
    ):
        problems = [f"{name} reached the origin: {told[name]!r}" for name in names if told.get(name)]
        yield verdict(check, problems if reached else [nothing], "the origin received none of them")
    problems = [] if reached else [f"its X-Accel-Redirect was obeyed, or it was not reached: {answer}"]
    if "origin=1" in answer.header("Set-Cookie"):
        problems.append("its cookie reached the browser")
    if len(answer.every("Content-Disposition")) != 1 or "origin.txt" in answer.header("Content-Disposition"):
        problems.append(f"its Content-Disposition reached the browser: {answer.every('Content-Disposition')}")
    yield verdict("origin-steers-nothing", problems, "its X-Accel-Redirect, cookie and file name are ignored")
