"""The admin's theme: the colours and the name of the shop."""

from typing import Any

from django.templatetags.static import static


def theme(shop_name: str) -> dict[str, Any]:
    """The setting UNFOLD."""
    return {
        "SITE_TITLE": shop_name,
        "SITE_HEADER": shop_name,
        "SITE_SYMBOL": "storefront",
        "SHOW_VIEW_ON_SITE": True,
        "SHOW_HISTORY": False,
        "STYLES": [lambda request: static("css/admin.css")],
        "SCRIPTS": [lambda request: static("js/admin.js")],
        "BORDER_RADIUS": "8px",
        "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("favicon.svg")}],
        "COLORS": {
            "primary": {  # the storefront's green
                "50": "#eef6f2",
                "100": "#d6eae0",
                "200": "#aed5c3",
                "300": "#7fbba1",
                "400": "#4f9c7e",
                "500": "#357f63",
                "600": "#2b624f",
                "700": "#244f41",
                "800": "#1e4035",
                "900": "#19352c",
                "950": "#0d1e19",
            },
        },
    }
