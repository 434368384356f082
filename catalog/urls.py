from django.urls import path

from catalog.storefront import programs, views

app_name = "catalog"

urlpatterns = [
    path("", views.home, name="home"),
    path("c/<path:address>/", views.category, name="category"),
    path("p/<slug:slug>/", views.product, name="product"),
    path("search/", views.search, name="search"),
    path("search/suggestions/", views.suggestions, name="suggestions"),
    path("site.webmanifest", programs.manifest, name="manifest"),
    path("media/<path:name>", views.media, name="media"),
]
