"""A document that its owner asks for: the hand-off after a look into the database, and whether it was right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.databases.grown_databases import Grown
from benchmarks.measure.question import require


class Asked:
    """A request for the document of one number, by its owner unless another user is given."""

    def __init__(self, database: Grown, number: int, *, user: int = 0) -> None:
        from django.contrib.auth.models import User
        from django.test import RequestFactory

        self.document, self.number, self.owner = database.document, number, database.owner(number)
        self.request = RequestFactory(headers={"User-Agent": "benchmark"}).get("/documents")
        self.request.user = User(pk=user or self.owner)
        self.headers: Mapping[str, str] = {}

    def answer(self) -> None:
        """Do what a view does. Raises Http404 where the document is not the user's own."""
        from django.shortcuts import get_object_or_404

        from xaccel.django import send_file

        name = f"report {self.number}.pdf"
        found = get_object_or_404(self.document, owner=self.request.user, name=name)
        self.headers = send_file(self.request, found.key, origin="documents", as_attachment=True).headers


def compare(asked: Sequence[Asked]) -> None:
    """Look whether each was handed off and recorded, and remove the rows. Raises WrongAnswer."""
    from xaccel.audit.models import Transfer

    for one in asked:
        wanted = {
            "X-Accel-Redirect": "/_xaccel/documents",
            "Xaccel-Url": f"https://files.example/files/{one.number}.pdf",
            "Xaccel-Subject": str(one.owner),
            "Xaccel-Disposition": f'attachment; filename="{one.number}.pdf"',
        }
        found = {name: one.headers.get(name) for name in wanted}
        require(found == wanted, f"document {one.number}: {found}")
    rows = Transfer.objects.filter(pk__in=[one.headers["Xaccel-Id"] for one in asked])
    made = sorted(rows.values_list("outcome", "key", "subject"))
    right = sorted(("granted", f"files/{one.number}.pdf", str(one.owner)) for one in asked)
    require(made == right, f"the rows are {made}")
    rows.delete()


def require_refused(database: Grown) -> None:
    """Ask for a document that is somebody else's. Raises WrongAnswer when it is handed off."""
    from django.http import Http404

    database.use()
    refused = False
    try:
        Asked(database, 1, user=database.owner(2)).answer()
    except Http404:
        refused = True
    require(refused, "the document of another user was handed off")
