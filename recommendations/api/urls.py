from django.urls import path

from recommendations.api.views import PhotoSearchView, SimilarProductsView, StripView

urlpatterns = [
    path("products/<slug:slug>/similar/", SimilarProductsView.as_view(), name="similar-products"),
    path("products/<slug:slug>/strip/", StripView.as_view(), name="product-strip"),
    path("search/image/", PhotoSearchView.as_view(), name="photo-search-api"),
]
