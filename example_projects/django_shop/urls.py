"""Where the shop's pages are, and ours."""

from django.urls import include, path
from django.views.static import serve

from django_shop import pages
from storefront import STATIC

urlpatterns = [
    path("", pages.shelf),
    path("api/prices", pages.price_list),
    path("api/shop/<user>", pages.shop),
    path("api/recommendations/<user>", pages.recommended),
    path("orders", pages.order),
    path("", include("resilience_django.urls")),
    # One small file, so that the example needs no second server.
    path("static/<path:path>", serve, {"document_root": STATIC}),
]

handler400 = "django_shop.problems.bad_request"
handler404 = "django_shop.problems.not_found"
