"""One address for each way to use xaccel.django."""

from __future__ import annotations

from django.urls import path
from django.views.decorators.cache import cache_page, never_cache

from tests.django import views

urlpatterns = [
    path("key/", views.key),
    path("akey/", views.akey),
    path("cached/", cache_page(600)(views.own_key)),
    path("never-cached/", never_cache(views.key)),
    path("session/", views.with_session),
    path("validators/", views.with_validators),
    path("avalidators/", views.awith_validators),
    path("cached-validators/", cache_page(600)(views.with_validators)),
    path("deny/<int:status>/", views.deny),
    path("document/<int:pk>/", views.OwnDocument.as_view()),
    path("hidden/<int:pk>/", views.OwnDocument.as_view(denied_status=404)),
    path("inline/<int:pk>/", views.OwnDocument.as_view(as_attachment=False)),
    path("scan/<int:pk>/", views.OwnScan.as_view()),
    path("login/<int:pk>/", views.DocumentOfMembers.as_view()),
    path("no-rule/<int:pk>/", views.NoRule.as_view()),
    path("forgotten-await/<int:pk>/", views.ForgottenAwait.as_view()),
    path("forged/", views.forged),
]
