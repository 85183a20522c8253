from __future__ import annotations

import dataclasses

import pytest

from xaccel import Options


def test_options_have_no_default_decision() -> None:
    options = Options()
    assert dataclasses.asdict(options) == {
        "as_attachment": False,
        "filename": None,
        "content_type": None,
        "cache_control": None,
        "allow_shared_cache": False,
        "etag": None,
        "last_modified": None,
        "size": None,
        "limit_rate": None,
        "limit_rate_after": None,
        "concurrency": None,
        "concurrency_key": None,
        "cache_version": None,
        "version_id": None,
        "subject": "",
        "content_security_policy": None,
        "headers": {},
    }


def test_options_are_values() -> None:
    assert Options(filename="a") == Options(filename="a")
    assert Options().headers is not Options().headers
    with pytest.raises(dataclasses.FrozenInstanceError):
        Options().filename = "b"  # type: ignore[misc]
    with pytest.raises(TypeError):
        Options("a.pdf")  # type: ignore[call-arg]


def test_an_unknown_option_is_named() -> None:
    with pytest.raises(TypeError, match=r"got an unexpected keyword argument 'file_name'"):
        Options(as_attachment=True, file_name="a.pdf")  # type: ignore[call-arg]
