"""The apps of this folder behind middleware as projects have it: CORS, security headers, a cookie and Cache-Control."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from importlib import import_module
from typing import Any

SPA = "https://spa.example"
"""The page whose script fetches the file."""
CORS = {
    "Access-Control-Allow-Origin": SPA,
    "Access-Control-Allow-Credentials": "true",
    "Access-Control-Expose-Headers": "Content-Disposition",
    "Vary": "Origin",
}
SECURITY = {
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "SAMEORIGIN",
}
COOKIE = {"Set-Cookie": "seen=1; Path=/"}
CACHE_CONTROL = {"Cache-Control": "private, max-age=9"}
SET = {**SECURITY, **COOKIE, **CACHE_CONTROL}


def of_django(module: str, handler: str, is_async: bool = False) -> Any:
    """An app of `module` whose handler, one of Django's, is loaded again with more middleware."""
    app = import_module(f"tests.adapters.apps.{module}")
    from django.conf import settings

    settings.CORS_ALLOWED_ORIGINS = [SPA]
    settings.CORS_ALLOW_CREDENTIALS = True
    settings.CORS_EXPOSE_HEADERS = ["Content-Disposition"]
    settings.MIDDLEWARE += ["corsheaders.middleware.CorsMiddleware", f"{__name__}.set_in_django"]
    getattr(app, handler).load_middleware(is_async=is_async)
    return app


def set_in_django(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Plain Django middleware."""

    def middleware(request: Any) -> Any:
        response = get_response(request)
        for name, value in SET.items():
            response[name] = value
        return response

    return middleware


def django() -> Any:
    return of_django("django_app", "wsgi").wsgi


def django_async() -> Any:
    return of_django("django_app", "_asgi", is_async=True).asgi


def drf() -> Any:
    return of_django("drf_app", "app").app


def ninja() -> Any:
    return of_django("ninja_app", "wsgi").wsgi


def flask() -> Any:
    """Flask-Cors, Flask-Talisman and Flask's own sessions set headers as `after_request` does."""
    from tests.adapters.apps.flask_app import app

    @app.after_request
    def middleware(response: Any) -> Any:
        for name, value in {**CORS, **SET}.items():
            response.headers[name] = value
        return response

    return app


def of_starlette(app: Any) -> Any:
    from starlette.middleware.cors import CORSMiddleware

    from tests.adapters.apps.asked import SITE
    from xaccel.starlette import Downloads, HandOffMiddleware

    @app.middleware("http")
    async def middleware(request: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
        response = await call_next(request)
        for name, value in SET.items():
            response.headers[name] = value
        return response

    expose = ["Content-Disposition"]
    app.add_middleware(CORSMiddleware, allow_origins=[SPA], allow_credentials=True, expose_headers=expose)
    app.add_middleware(HandOffMiddleware, downloads=Downloads(SITE))
    return app


def starlette() -> Any:
    from starlette.middleware.base import BaseHTTPMiddleware

    from tests.adapters.apps.starlette_app import app

    # The decorator that FastAPI has, and Starlette has not any more.
    app.middleware = lambda _: lambda function: app.add_middleware(BaseHTTPMiddleware, dispatch=function)  # type: ignore[attr-defined]
    return of_starlette(app)


def fastapi() -> Any:
    from tests.adapters.apps.fastapi_app import app

    return of_starlette(app)


def wsgi() -> Any:
    from tests.adapters.apps.wsgi_app import app, files
    from xaccel.wsgi import HandOffMiddleware

    def middleware(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            return start_response(status, [*headers, *CORS.items(), *SET.items()], *more)

        return app(environ, start)  # type: ignore[arg-type]

    return HandOffMiddleware(middleware, files)


def asgi() -> Any:
    from starlette.middleware.cors import CORSMiddleware

    from tests.adapters.apps.asgi_app import app, files
    from xaccel.asgi import HandOffMiddleware

    async def middleware(scope: Any, receive: Any, send: Any) -> None:
        async def sent(message: Any) -> None:
            for name, value in SET.items() if message["type"] == "http.response.start" else ():
                message["headers"].append((name.lower().encode(), value.encode()))
            await send(message)

        await app(scope, receive, sent)

    expose = ["Content-Disposition"]
    cors = CORSMiddleware(middleware, allow_origins=[SPA], allow_credentials=True, expose_headers=expose)
    return HandOffMiddleware(cors, files)


def aiohttp() -> Any:
    """Its middleware sets the cookie, and all else `on_response_prepare`, as aiohttp-cors does."""
    from aiohttp import web

    from tests.adapters.apps.aiohttp_app import app, files

    @web.middleware
    async def middleware(request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
        response = await handler(request)
        response.set_cookie("seen", "1")
        return response

    async def prepare(request: Any, response: Any) -> None:
        response.headers.update({**CORS, **SECURITY, **CACHE_CONTROL})

    app.middlewares.append(middleware)
    app.on_response_prepare.append(prepare)
    files.setup(app)
    return app
