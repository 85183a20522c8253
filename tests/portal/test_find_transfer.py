"""`explain` finds the object of a transfer in the portal's log."""

from __future__ import annotations

from django.urls import reverse

from portal.files.find_transfer import find_transfer
from portal.files.models import Grant
from xaccel.django.conf import configuration


def test_a_transfer_leads_to_origin_and_key(person, file, signed_in):
    user = person("mei")
    Grant.objects.create(file=file, user=user)
    response = signed_in(user).get(reverse("download", args=[file.pk]))
    assert configuration().find_transfer is find_transfer
    assert find_transfer(response["Xaccel-Id"]) == (file.origin, file.key)
    assert find_transfer("019aae21-0000-7000-8000-000000000000") is None
