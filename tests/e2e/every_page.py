"""Every page that people see, in a shop that has something of everything, and the addresses to open them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from django.contrib.auth.models import Group, Permission, User
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.utils import timezone
from playwright.sync_api import Page
from rest_framework.authtoken.models import Token

from catalog.models import Product, SearchMiss, Synonyms
from ml.weights import newest_editions
from recommendations.models import (
    EmbeddingModel,
    EmbeddingState,
    ImageEmbedding,
    ModelState,
    Pin,
    Rule,
    SearchHealth,
    Worker,
)  # fmt: skip
from recommendations.search.photo import SeenPhoto
from recommendations.search.photo_types import PhotoType
from recommendations.strips.curation import set_vetoes
from shop.requests.problems import problem
from tests.pictures import picture
from tests.shopkeeper import Shopkeeper

LONG = "Extraordinarily long-winded waterproof windbreaker-jacket with a Donaudampfschifffahrtsgesellschaftskapitän"
FILTERS = "colour=Green&brand=Kestrel&price_max=100&in_stock=1&sort=price"
#: Routes that answer with no page of their own: redirects, files, data, parts of a page. Regular expressions.
NO_PAGES = (
    r"favicon\.ico|site\.webmanifest|robots\.txt|llms\.txt|sitemap.*\.xml|[cp]/.*\.md|healthz|readyz|metrics|media/.*|strips/seen/|viewed/clear/|lists/change/|search/suggestions/|p/.*/similar/",
    r"admin/(jsi18n|autocomplete|search)/|admin/r/.*|admin/recommendations/pipeline/(retry|switch)/|admin/\(\?P<url>.*",
    r"admin/recommendations/embeddingmodel/(bundled|build|activate|dismiss)/",
    r"admin/\w+/\w+/<path:object_id>/",  # to the change page
    r"admin/\w+/(embeddingmodel|searchhealth|imageembedding|searchmiss)/.*(add|delete)/",  # refused to everybody: 403
    r"admin/logout/",  # after a POST: "logged out"
)


@dataclass(frozen=True)
class Visit:
    """A page, in the state that `act` brings it into. `who` is logged in: nobody, or a user's name."""

    name: str
    address: str
    who: str = ""
    act: Callable[[Page], None] | None = None
    html: Callable[[], str] | None = None  # for pages that only a fault shows: rendered as the fault renders them

    @property
    def path(self) -> str:
        return re.split("[?#]", self.address)[0]


class Stocked:
    """The shop, and what the addresses name."""

    def __init__(self, shop: Shopkeeper, model: EmbeddingModel) -> None:
        self.model = model
        category = shop.category("clothes/dresses")
        shop.category("clothes/" + "x" * 60)
        shop.category("empty")
        self.plain = shop.product("Plain dress", stock=0, price=None)
        for number in range(9):
            shop.embedded(
                model, f"{('Green', 'Blue')[number % 2]} swing dress {number}", [1, number / 9, number % 2, 1],
                category=category.address, attributes={"colour": ("Green", "Blue")[number % 2]}, brand="Kestrel",
                price=Decimal(10 + number), stock=number,
            )  # fmt: skip
        self.full = shop.embedded(
            model, LONG, [1, 0, 1, 0], [0, 1, 1, 0], category=category.address, brand="Averylongbrandnamewithoutspaces",
            price=Decimal("1234567.80"), compare_at_price=Decimal("2345678.90"), stock=3, size="XXXL", condition="New",
            url="https://seller.example/item", description="Soft.\n\nWarm.", gtin="4006381333931",
            attributes={"colour": "Red", "materials": ["Cotton", "Elastane"], "very_long_attribute_name": "yes " * 40},
        )  # fmt: skip
        shop.image(shop.product("Wide thing", category="clothes"), picture(size=(400, 150)))
        shop.image(self.plain)
        failed = ImageEmbedding.objects.create(
            image=self.plain.images.get(), model=model, state=EmbeddingState.FAILED, error_code="corrupt",
            error="The picture is damaged or incomplete.", digest="0" * 64,
        )  # fmt: skip
        self.others = others = list(Product.objects.filter(title__contains="swing"))
        Pin.objects.create(product=self.full, shown=others[0])
        set_vetoes(self.full, [others[1]])
        rule = Rule.objects.create(effect="boost", boost=0.1, brand="Kestrel", category=category)
        second = EmbeddingModel.objects.create(
            name="second", source="file", weights_sha256="0" * 64, graph_sha256="0" * 64, state=ModelState.READY,
            **EmbeddingModel.fields_of(model.spec),
        )  # fmt: skip
        # A draft has steps to do, and a shop with a bundled model is offered the other one.
        EmbeddingModel.objects.create(
            name="third",
            source="file",
            weights_sha256="1" * 64,
            graph_sha256="1" * 64,
            **EmbeddingModel.fields_of(model.spec),
        )
        EmbeddingModel.objects.filter(pk=model.pk).update(weights_sha256=newest_editions()[0].sha256)
        for row in ImageEmbedding.objects.filter(model=model, state=EmbeddingState.READY):
            row.pk, row.model = None, second
            row.save()
        health = SearchHealth.objects.create(model=model, lowest=1.0, report={"filters": []})
        Worker.objects.create(name="worker@host", started_at=timezone.now(), seen_at=timezone.now())
        self.boss = User.objects.create_superuser("boss", "boss@example.com", "known to the tests")
        viewer = User.objects.create_user("viewer", password="known to the tests", is_staff=True)
        viewer.user_permissions.add(*Permission.objects.filter(codename__startswith="view_"))
        Token.objects.create(user=self.boss)
        group = Group.objects.create(name="Editors")
        self.objects: dict[str, Any] = {
            "catalog/product": self.full.pk, "catalog/category": category.pk, "recommendations/rule": rule.pk,
            "recommendations/embeddingmodel": model.pk, "recommendations/searchhealth": health.pk,
            "recommendations/imageembedding": failed.pk, "auth/user": self.boss.pk, "auth/group": group.pk,
            "authtoken/tokenproxy": self.boss.pk,
            "catalog/synonyms": Synonyms.objects.create(words="trousers, pants").pk,
            "catalog/searchmiss": SearchMiss.objects.create(words="unicorn", day="2026-11-01", searches=3).pk,
        }  # fmt: skip
        photo = np.array([1, 0.5, 0.5, 0.5], np.float32)
        self.token = SeenPhoto(model, photo / np.linalg.norm(photo), (PhotoType(category, 0.8),)).to_token()

    def visits(self) -> list[Visit]:
        return self.shop_visits() + self.admin_visits()

    def shop_visits(self) -> list[Visit]:
        return [*self._shop(), *self._photo_search(), *self._problems()]

    def admin_visits(self) -> list[Visit]:
        return [*self._admin(), *self._models(), Visit("logged out", "/admin/", "viewer", act=log_out)]

    def _shop(self) -> list[Visit]:
        full = self.full.get_absolute_url()
        oldest = Product.objects.order_by("pk")[2].pk
        return [
            Visit("product", full),
            Visit("product, strip", f"{full}?similar=1"),
            Visit("product, examples", f"{full}?more={self.others[2].slug}&less={self.others[3].slug}"),
            Visit("product, another colour", f"{full}?colour=Green"),
            Visit("product, sold out", self.plain.get_absolute_url()),
            Visit("home", "/"),  # with what was viewed
            Visit("home, cleared", "/?viewed=cleared#viewed"),
            Visit("category", "/c/clothes/"),
            Visit("category, page 2", "/c/clothes/?page=2"),
            Visit("category, last page", "/c/clothes/?page=99"),
            Visit("category, older", f"/c/clothes/?before={oldest}"),
            Visit("category, empty", "/c/empty/"),
            Visit("category, filtered", f"/c/clothes/?{FILTERS}"),
            Visit("category, filters", f"/c/clothes/?{FILTERS}", act=pressed("[popovertarget=filters]")),
            Visit("category, nothing left", "/c/clothes/?colour=Green&price_min=9000&price_max=x"),
            Visit("saved", f"/saved/?items={self.full.pk}.{self.plain.pk}.999999"),
            Visit("saved, full", "/saved/?full"),
            Visit("compare", f"/compare/?items={self.full.pk}.{self.plain.pk}.{oldest}"),
            Visit("category menu", "/privacy/", act=pressed("[popovertarget=menu]")),
            Visit("privacy", "/privacy/"),
            Visit("accessibility", "/accessibility/"),
            Visit("search", "/search/"),
            Visit("search, results", "/search/?q=swing"),
            Visit("search, corrected", "/search/?q=swinng"),
            Visit("search, filtered", f"/search/?q=swing&{FILTERS}"),
            Visit("search, no results", "/search/?q=" + "q" * 100),
            Visit("API docs", "/api/v1/docs/", act=lambda page: page.wait_for_selector(".opblock-summary")),
        ]

    def _photo_search(self) -> list[Visit]:
        photo = "/search/photo/"
        return [
            Visit("photo search", photo),
            Visit("photo search, results", photo, act=sent(seen=self.token)),
            Visit("photo search, budget", photo, act=sent(seen=self.token, price_max="12")),
            Visit("photo search, above budget", photo, act=sent(seen=self.token, price_max="1")),
            Visit("photo search, nothing", photo, act=sent(seen=self.token, price_max="0.01", sort="value")),
            Visit("photo search, words", photo, act=sent(seen=self.token, words="in green, under 15, fluffy")),
            Visit("photo search, link", f"{photo}?seen={self.token}&words=in+green&price_max=15"),
            Visit("photo search, expired link", f"{photo}?seen=outdated"),
            Visit("photo search, crop", photo, act=cropping(f"{photo}?seen={self.token}")),
            Visit("find similar", f"{photo}?product={self.full.slug}"),
            Visit("photo search, no photo", photo, act=sent()),
            Visit("photo search, wrong budget", photo, act=sent(seen=self.token, price_max="-1")),
            Visit("photo search, expired", photo, act=sent(seen="outdated")),
            Visit("photo search, no picture", photo, act=sent(photo=b"text")),
            Visit("photo search, damaged", photo, act=sent(photo=picture()[:400])),
            Visit("photo search, unavailable", photo, act=sent(photo=picture())),
        ]

    def _problems(self) -> list[Visit]:
        request = RequestFactory().get("/")

        def shown(status: int, sentence: str) -> Callable[[], str]:
            return lambda: problem(request, status, "x", sentence).content.decode()

        return [
            Visit("404", "/nothing/"),
            Visit("404, admin", "/admin/nothing/", "boss"),
            Visit("403", "/admin/auth/user/add/", "viewer"),
            Visit("403, CSRF", "/search/photo/", act=sent(csrfmiddlewaretoken="wrong")),
            Visit("500", "/500", html=lambda: render_to_string("500.html")),
            Visit("503", "/503", html=shown(503, "The shop is being updated. Try again in a moment.")),
            Visit("429", "/429", html=shown(429, "Too many requests. Try again in 5 seconds.")),
            Visit("413", "/413", html=shown(413, "The request is too large.")),
            Visit("400", "/400", html=shown(400, "The Content-Length header is not a number.")),
        ]

    def _admin(self) -> list[Visit]:
        save, products = "[name=_save]", "/admin/catalog/product/"
        compare = "/admin/recommendations/embeddingmodel/compare/"
        return [
            Visit("login", "/admin/login/"),
            Visit("login, wrong", "/admin/login/", act=lambda page: log_in(page, "boss", "wrong")),
            Visit("dashboard", "/admin/", "boss"),
            Visit("dashboard, viewer", "/admin/", "viewer"),
            Visit("app", "/admin/catalog/", "boss"),
            Visit("command palette", "/admin/", "boss", act=open_palette),
            Visit("password change", "/admin/password_change/", "boss"),
            Visit("password change, wrong", "/admin/password_change/", "boss", act=clicked("#content [type=submit]")),
            Visit("password changed", "/admin/password_change/done/", "boss"),
            Visit("user, password", f"/admin/auth/user/{self.boss.pk}/password/", "boss"),
            Visit("products, search", f"{products}?q=swing", "boss"),
            Visit("products, filter", f"{products}?published__exact=1", "boss"),
            Visit("products, none found", f"{products}?q=nothing", "boss"),
            Visit("products, delete", products, "boss", act=delete_two),
            Visit("product, errors", f"{products}add/", "boss", act=clicked(save)),
            Visit("product, view only", f"{products}{self.full.pk}/change/", "viewer"),
            Visit("category, errors", "/admin/catalog/category/add/", "boss", act=clicked(save)),
            Visit("products, change", products, "boss", act=change_selected()),
            Visit("products, change, errors", products, "boss", act=change_selected({"number": "5"})),
            Visit(
                "products, change, plan",
                products,
                "boss",
                act=change_selected({"published": "no", "attribute": "season", "text": "Autumn"}),
            ),
            Visit("rule, errors", "/admin/recommendations/rule/add/", "boss", act=clicked(save)),
            Visit("compare", compare, "boss"),
            Visit("compare, results", f"{compare}?first=coloured&second=second&sku={self.full.sku}", "boss"),
            Visit("pipeline", "/admin/recommendations/pipeline/", "boss"),
        ]

    def _models(self) -> list[Visit]:
        read_only = {"embeddingmodel", "searchhealth", "imageembedding", "searchmiss"}
        found = []
        for model, pk in self.objects.items():
            address = f"/admin/{model}/"
            found += [
                Visit(f"{model}: list", address, "boss"),
                Visit(f"{model}: one", f"{address}{pk}/change/", "boss"),
            ]
            found += [Visit(f"{model}: history", f"{address}{pk}/history/", "boss")]
            if model.rpartition("/")[2] not in read_only:
                found += [Visit(f"{model}: add", f"{address}add/", "boss")]
                found += [Visit(f"{model}: delete", f"{address}{pk}/delete/", "boss")]
        return found


#: In a shop without products.
EMPTY = [
    Visit("empty: home", "/"),
    Visit("empty: search", "/search/?q=dress"),
    Visit("empty: saved", "/saved/"),
    Visit("empty: compare", "/compare/"),
    Visit("empty: dashboard", "/admin/", "boss"),
    *[
        Visit(f"empty: {model}", f"/admin/{model}/", "boss")
        for model in (
            "catalog/product", "catalog/category", "recommendations/rule", "recommendations/imageembedding",
            "recommendations/embeddingmodel", "authtoken/tokenproxy", "auth/group",
        )
    ],
    Visit("empty: models compared", "/admin/recommendations/embeddingmodel/compare/", "boss"),
    Visit("empty: pipeline", "/admin/recommendations/pipeline/", "boss"),
]  # fmt: skip


def sent(photo: bytes | None = None, **fields: str) -> Callable[[Page], None]:
    """Submit the photo form as a browser without scripts does."""

    def act(page: Page) -> None:
        if photo is not None:
            page.locator("#photo").set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": photo})
        with page.expect_navigation():
            page.evaluate(
                """fields => {
                    const form = document.querySelector("#photo-search");
                    for (const [name, value] of Object.entries(fields)) {
                        for (const field of form.querySelectorAll(`[name=${name}]`)) field.remove();
                        form.append(Object.assign(document.createElement("input"), {type: "hidden", name, value}));
                    }
                    HTMLFormElement.prototype.submit.call(form);
                }""",
                fields,
            )

    return act


def cropping(link: str) -> Callable[[Page], None]:
    """Choose a photo and open the controls of the box. The results are those of a link."""

    def act(page: Page) -> None:
        answer, photo = page.request.get(link).text(), picture(size=(400, 500))
        page.route("**/search/photo/", lambda route: route.fulfill(body=answer, content_type="text/html"))
        page.locator("#photo").set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": photo})
        page.locator("[data-results-grid] li").first.wait_for()
        page.locator(".crop__more summary").click()
        page.locator("[data-crop-corner=nw]").click()
        page.unroute("**/search/photo/")
        page.evaluate("shift = 0")  # browsers count none after a shopper's choice, which this is not for them

    return act


def change_selected(fields: dict[str, str] | None = None) -> Callable[[Page], None]:
    """Selects two products for one change, and with `fields` asks what it would do."""

    def act(page: Page) -> None:
        for box in page.locator(".action-select").all()[:2]:
            box.check()
        page.locator("select[name=action]").select_option("change_selected", force=True)
        page.locator("#changelist-form").evaluate("form => form.submit()")
        page.wait_for_selector(".bulk-form")
        for name, value in (fields or {}).items():
            field = page.locator(f".bulk-form [name={name}]")
            if field.evaluate("each => each.matches('select')"):
                field.select_option(value)
            else:
                field.fill(value)
        if fields:
            page.get_by_role("button", name="Show what changes").click()
            page.wait_for_selector(".bulk-table, .bulk-error")

    return act


def clicked(selector: str) -> Callable[[Page], None]:
    def act(page: Page) -> None:
        page.evaluate("for (const form of document.forms) form.noValidate = true")
        with page.expect_navigation():
            page.locator(selector).first.click()

    return act


def pressed(selector: str) -> Callable[[Page], None]:
    """Click on a button that opens something; on wide windows, the filters are open and have none."""

    def act(page: Page) -> None:
        button = page.locator(selector).first
        if button.is_visible():
            button.click()

    return act


def open_palette(page: Page) -> None:
    page.keyboard.press("Control+k")
    page.locator("#cmd-search-input, [name=s]:visible").first.fill("product")
    page.wait_for_timeout(700)


def delete_two(page: Page) -> None:
    for box in page.locator("[name=_selected_action]").all()[:2]:
        box.evaluate("box => box.click()")
    with page.expect_navigation():
        page.evaluate(
            """() => {
                const form = document.querySelector("#changelist-form");
                form.querySelector("[name=action]").value = "delete_selected";
                HTMLFormElement.prototype.submit.call(form);
            }"""
        )


def log_out(page: Page) -> None:
    if page.locator("#logout-form").count():  # the second time the login is shown
        with page.expect_navigation():
            page.locator("#logout-form").evaluate("form => form.submit()")


def log_in(page: Page, name: str, password: str = "known to the tests") -> None:
    page.locator("[name=username]").fill(name)
    page.locator("[name=password]").fill(password)
    with page.expect_navigation():
        page.locator("[type=submit]").first.click()
