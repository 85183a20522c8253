"""xaccel for aiohttp: the short name of `xaccel.adapters.aiohttp`."""

from xaccel.adapters.aiohttp import Downloads, redirect_middleware

__all__ = ["Downloads", "redirect_middleware"]
