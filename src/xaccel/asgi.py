"""xaccel for apps that speak ASGI: the short name of `xaccel.adapters.asgi`."""

from xaccel.adapters.asgi import Downloads, HandOffMiddleware, RedirectMiddleware, Send

__all__ = ["Downloads", "HandOffMiddleware", "RedirectMiddleware", "Send"]
