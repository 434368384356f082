from django.urls import path

from recommendations.storefront import similar, statements, views

app_name = "recommendations"

urlpatterns = [
    path("search/photo/", views.photo_search, name="photo-search"),
    path("p/<slug:slug>/similar/", similar.similar, name="similar"),
    path("privacy/", statements.privacy, name="privacy"),
    path("accessibility/", statements.accessibility, name="accessibility"),
    path("viewed/clear/", views.clear_viewed, name="clear-viewed"),
    path("strips/seen/", views.strips_seen, name="strips-seen"),
]
