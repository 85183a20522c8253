"""xaccel for apps that speak WSGI: the short name of `xaccel.adapters.wsgi`."""

from xaccel.adapters.wsgi import Downloads, HandOffMiddleware, RedirectMiddleware

__all__ = ["Downloads", "HandOffMiddleware", "RedirectMiddleware"]
