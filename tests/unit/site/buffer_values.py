"""Values of BUFFERS, for the check of the setting and for NGINX."""

from __future__ import annotations

TAKEN = ["8 16k", "2 16k", "3 8k", "5 4k", "2 1024k", "256 1024k", "8 64k", "4 32k"]
REFUSED = ["1 16k", "2 8k", "4 4k", "8 3k", "2 1025k", "257 16k"]
