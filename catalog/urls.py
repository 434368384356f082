from django.urls import path

from catalog.storefront import programs, saving, sitemaps, views

app_name = "catalog"

urlpatterns = [
    path("", views.home, name="home"),
    path("c/<path:address>/", views.category, name="category"),
    path("c/<path:address>.md", views.category, {"as_markdown": True}, name="category-markdown"),
    path("p/<slug:slug>/", views.product, name="product"),
    path("p/<slug:slug>.md", views.product, {"as_markdown": True}, name="product-markdown"),
    path("search/", views.search, name="search"),
    path("search/suggestions/", views.suggestions, name="suggestions"),
    path("saved/", saving.saved, name="saved"),
    path("compare/", saving.compare, name="compare"),
    path("lists/change/", saving.change_list, name="change-list"),
    path("robots.txt", programs.robots, name="robots"),
    path("llms.txt", programs.llms, name="llms"),
    path("sitemap.xml", sitemaps.index, name="sitemap"),
    path("sitemap-<slug:kind>-<int:number>.xml", sitemaps.part, name="sitemap-part"),
    path("site.webmanifest", programs.manifest, name="manifest"),
    path("media/<path:name>", views.media, name="media"),
]
