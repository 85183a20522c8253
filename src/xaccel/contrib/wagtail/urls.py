"""Send images and their renditions: `path("media/", include("xaccel.contrib.wagtail.urls"))`."""

from django.http import HttpRequest
from django.urls import path
from wagtail.images import get_image_model

from xaccel.django.media import MediaView


def may_see(request: HttpRequest, name: str) -> bool:
    """Tell whether all restrictions of the image's collection accept the request."""
    images = get_image_model()
    rendition = images.get_rendition_model().objects.filter(file=name).select_related("image").first()
    image = rendition.image if rendition else images.objects.filter(file=name).first()
    restrictions = image.collection.get_view_restrictions() if image else ()
    return image is not None and all(each.accept_request(request) for each in restrictions)


urlpatterns = [path("<path:name>", MediaView.as_view(permission=may_see, allow_anonymous=True))]
