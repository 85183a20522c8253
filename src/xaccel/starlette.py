"""xaccel for Starlette and FastAPI: the short name of `xaccel.adapters.starlette`."""

from xaccel.adapters.starlette import Downloads, HandOffMiddleware, RequestDownloads, download_route

__all__ = ["Downloads", "HandOffMiddleware", "RequestDownloads", "download_route"]
