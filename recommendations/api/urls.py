from django.urls import path

from recommendations.api.views import PhotoSearchView, SimilarProductsView

urlpatterns = [
    path("products/<slug:slug>/similar/", SimilarProductsView.as_view(), name="similar-products"),
    path("search/image/", PhotoSearchView.as_view(), name="photo-search-api"),
]
