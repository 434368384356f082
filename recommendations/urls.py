from django.urls import path

from recommendations.storefront import views

app_name = "recommendations"

urlpatterns = [
    path("search/photo/", views.photo_search, name="photo-search"),
    path("viewed/clear/", views.clear_viewed, name="clear-viewed"),
    path("strips/seen/", views.strips_seen, name="strips-seen"),
]
