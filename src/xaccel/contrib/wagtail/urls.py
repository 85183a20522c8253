"""Send images and their renditions: `path("media/", include("xaccel.contrib.wagtail.urls"))`."""

from django.http import HttpRequest
from django.urls import path
from wagtail.images import get_image_model

from xaccel.django.media import MediaView, find_row


def may_see(request: HttpRequest, name: str) -> bool:
    """Tell whether all restrictions of the image's collection accept the request."""
    images = get_image_model()
    rendition = find_row(images.get_rendition_model().objects.select_related("image"), name)
    image = rendition.image if rendition else find_row(images.objects.all(), name)
    restrictions = image.collection.get_view_restrictions() if image else ()
    return image is not None and all(each.accept_request(request) for each in restrictions)


urlpatterns = [path("<path:name>", MediaView.as_view(permission=may_see, allow_anonymous=True))]
