"""The site's addresses, with those of its images first: Wagtail's last pattern takes all."""

from django.urls import include, path
from mysite.urls import urlpatterns

urlpatterns = [path("media/", include("xaccel.contrib.wagtail.urls")), *urlpatterns]
