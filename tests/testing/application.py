"""The source of an application that answers with the variable WORD, for WSGI and for ASGI."""

APP = """
import os
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [os.environ["WORD"].encode()]

async def asgi(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": os.environ["WORD"].encode()})
"""

LIFESPAN = """
import asyncio, os
async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await asyncio.sleep(0.3)
        open("startup-ended", "w").close()
        await send({"type": "lifespan.startup." + os.environ["WORD"], "message": "no database"})
        await receive()
"""
"""The source of an ASGI application whose startup takes a while; the variable WORD is "complete" or "failed"."""
