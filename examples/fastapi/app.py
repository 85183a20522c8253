"""Downloads from a private bucket, with FastAPI: `scripts/example fastapi`."""

from fastapi import FastAPI, Request, Response

from xaccel.starlette import Downloads, download_route

app = FastAPI()
files = Downloads("site.toml")


@download_route(app, "/files/{key:path}")
async def download(request: Request, key: str, user: str = "") -> Response:  # in your app: who is signed in
    if not user or key.partition("/")[0] != user:
        files.deny_download(request, subject=user, key=key, reason="not the owner")
    return await files.asend_file(request, key, as_attachment=True, subject=user)
