"""Text search through page, API and admin: one mechanism, so the same products in the same order."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from catalog.models import Category, Synonyms
from catalog.search.indexing import count_words
from tests.catalog.search.conftest import Search
from tests.shopkeeper import Shopkeeper

TITLES = {
    "TEE": "Nike Men's Football/Soccer Green T-shirt", "ONLY": "ONLY Women Black Top",
    "OLIVER": "s.Oliver Women Grey Top",
    "POLO": "U.S. Polo Assn. Men Shirt", "FACE": "The North Face Jacket", "CRAYON": "Plum Lip Liner/Crayon 004",
    "CHATEAU": "Château Crème", "FLIP": "Beach Flip-Flops", "RAVEN": "Ravenswood Belt", "BAG": "Leather Handbag",
    "HAND": "Canvas hand bag", "LEVIS": "Levi's Jeans", "HM": "H&M Skirt", "SOCKE": "Socken Größe M",
    "CPP": "Learn C++", "C": "Learn C", "DROP": "Perfume 500ml", "CJK": "红色连衣裙", "RU": "Красное платье",
    "GIFT": "Accessory Gift Set", "TSHIRTS": "Wrangler Tshirts", "PANTS": "Blue Trousers", "SCARF": "Silk Scarves",
}  # fmt: skip


@pytest.fixture
def stocked(shop: Shopkeeper, synonyms: None) -> None:
    for sku, title in TITLES.items():
        shop.product(title, sku=sku)
    shop.product("Kalenji Kiprun", sku="59297", category="footwear/sports-shoes", brand="Kalenji", gtin="4006381333931")
    shop.product("Plain", sku="AB-1234/X", condition="Refurbished", size="XL", attributes={"colour": "Navy Blue"})
    count_words()


FIRST = [
    ("soccer", {"TEE"}), ("football", {"TEE"}), ("crayon", {"CRAYON"}), ("only", {"ONLY"}), ("oliver", {"OLIVER"}),
    ("soliver", {"OLIVER"}), ("s.oliver", {"OLIVER"}), ("us polo", {"POLO"}), ("U.S. Polo", {"POLO"}),
    ("uspolo", {"POLO"}), ("the north face", {"FACE"}), ("northface", {"FACE"}), ("59297", {"59297"}),
    ("footwear", {"59297"}), ("sportsshoes", {"59297"}), ("sport shoe", {"59297"}), ("kalenji footwear", {"59297"}),
    ("4006381333931", {"59297"}), ("4 006381 333931", {"59297"}), ("chateau", {"CHATEAU"}), ("creme", {"CHATEAU"}),
    ("flip-flops", {"FLIP"}), ("flipflop", {"FLIP"}), ("flip flop", {"FLIP"}), ("gray top", {"OLIVER"}),
    ("ravens", {"RAVEN"}), ("handbg", {"BAG", "HAND"}), ("hnadbag", {"BAG", "HAND"}), ("jandbag", {"BAG", "HAND"}),
    ("handbag", {"BAG"}), ("hand bag", {"HAND"}), ("hand bags", {"HAND"}), ("levis", {"LEVIS"}),
    ("levi's", {"LEVIS"}), ("levi’s jeans", {"LEVIS"}), ("h&m", {"HM"}), ("h and m", {"HM"}), ("h & m", {"HM"}),
    ("größe", {"SOCKE"}), ("grosse", {"SOCKE"}), ("groesse", {"SOCKE"}), ("C++", {"CPP"}), ("learn c", {"C"}),
    ("500ml", {"DROP"}), ("500 ml", {"DROP"}), ("连衣裙", {"CJK"}), ("платье", {"RU"}), ("ПЛАТЬЕ", {"RU"}),
    ("tshirt", {"TEE"}), ("tshirts", {"TSHIRTS"}), ("t-shirt nike", {"TEE"}), ("t shirt soccer", {"TEE"}),
    ("tee", {"TEE", "TSHIRTS"}),
    ("pants", {"PANTS"}), ("scarf", {"SCARF"}), ("xl", {"AB-1234/X"}), ("refurbished", {"AB-1234/X"}),
    ("navy", {"AB-1234/X"}), ("ab1234", {"AB-1234/X"}), ("AB-1234/X", {"AB-1234/X"}), ("1234", {"AB-1234/X"}),
    ("jackets for the north", {"FACE"}), ("ladies top", {"ONLY", "OLIVER"}), ("５９２９７", {"59297"}),
    ('"north face"', {"FACE"}), ("“north face”", {"FACE"}), ("polo -nike", {"POLO"}), ('15" levis', {"LEVIS"}),
    ("footwaer", {"59297"}), ("socer", {"TEE"}), ("leathr hand bag", {"BAG"}),
    ("crayon or kiprun", {"CRAYON", "59297"}),
]  # fmt: skip
NOTHING = ["zzzzqx", "---", "👗", '"face north"', "polo -shirt", "-", '""', "ﷺ"]


@pytest.mark.slow
def test_words_find_their_products_first(search: Search, stocked: None) -> None:
    found = {words: search(words) for words, _ in FIRST}
    wrong = {words: found[words] for words, first in FIRST if set(found[words][: len(first)]) != first}
    assert wrong == {}


@pytest.mark.slow
def test_what_matches_nothing_finds_nothing(search: Search, stocked: None) -> None:
    assert {words: search(words) for words in NOTHING} == {words: [] for words in NOTHING}


ODD = [
    "a\0b", "x" * 200, "red " * 50, "'", "\\", "a & b | !c <-> d:*", "((", "'; --", "-" * 50, "- !<" * 40, "é" * 100,
    "or or or", "or", "-a -b", '"', '-"', "%", "a:b", "~x", "=x", "#1", "+x", "''''", "a-" * 100, "1 " * 100, "and",
]  # fmt: skip


@pytest.mark.slow
def test_any_text_gets_an_answer(client: Client, stocked: None) -> None:
    for words in ODD:
        assert client.get("/search/", {"q": words}).status_code == 200
        expected = 400 if "\0" in words or len(words.strip()) > 200 else 200
        assert client.get("/api/v1/products/", {"q": words}).status_code == expected, words


@pytest.mark.slow
def test_good_matches_come_first(search: Search, shop: Shopkeeper) -> None:
    shop.product("Denim jacket", sku="WHOLE")
    shop.product("Blue denim jacket with hood", sku="PHRASE")
    shop.product("Jacket of soft denim", sku="TITLE")
    shop.product("Jackets", sku="BRAND", brand="Denim")
    shop.product("Coat", sku="CATEGORY", category="denim-jackets")
    shop.product("Coat", sku="DESCRIPTION", description="Like our denim jacket, denim jacket, denim jacket.")
    for n in range(3):
        shop.product("Boots", sku=f"N{n}")
    found = search("denim jacket")
    assert found[:4] == ["WHOLE", "PHRASE", "TITLE", "BRAND"]
    assert found[4:] == ["CATEGORY", "DESCRIPTION"]
    assert search("boots") == ["N2", "N1", "N0"], "ties: the newest first"


@pytest.mark.slow
def test_an_exact_word_comes_before_other_forms_synonyms_and_longer_words(
    search: Search, shop: Shopkeeper, synonyms: None
) -> None:
    shop.product("Grey cap", sku="EXACT")
    shop.product("Grey caps", sku="PLURAL")
    shop.product("Gray capri", sku="LONGER")
    assert search("grey cap") == ["EXACT", "PLURAL", "LONGER"]
    assert search("caps")[0] == "PLURAL"
    assert search("gray")[0] == "LONGER"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "first", "second"),
    [("bus", "Bus toy", "Buses poster"), ("glass", "Glass vase", "Glasses frame"), ("dress", "Dress", "Dresses")],
)
def test_its_other_forms_come_second(shop: Shopkeeper, search: Search, typed: str, first: str, second: str) -> None:
    shop.product(f"Red {first}", sku="FIRST")
    shop.product(f"Red {second}", sku="SECOND")
    shop.product(f"Red {typed}longer", sku="LONGER")
    assert search(typed) == ["FIRST", "SECOND", "LONGER"]


@pytest.mark.slow
def test_words_of_a_sku_are_worth_less_than_those_of_a_title(search: Search, shop: Shopkeeper) -> None:
    shop.product("Schuhe Größe 42", sku="TITLE")
    shop.product("Schuhe", sku="A42")
    assert search("42") == ["TITLE", "A42"]
    assert search("a42")[0] == search("A-42")[0] == "A42"


@pytest.mark.slow
def test_neighbours_written_together_end_in_no_ed(search: Search, shop: Shopkeeper) -> None:
    shop.product("Sneak Red", sku="NEIGHBOURS")
    shop.product("Sneaker", sku="SNEAKER")
    count_words()
    assert search("sneakr") == ["SNEAKER"]
    assert search("sneakred") == ["NEIGHBOURS"]


@pytest.mark.slow
def test_other_ways_to_write_the_same(search: Search, shop: Shopkeeper, synonyms: None) -> None:
    Synonyms.objects.create(words="h&m, hennes and mauritz")
    titles = {
        "TOYS": 'Toys"R"Us train',
        "PACK": "Blue back pack",
        "HM": "H&M skirt",
        "CJK": "红色连衣裙",
        "RED": "红色",
    }
    for sku, title in titles.items():
        shop.product(title, sku=sku)
    count_words()
    wanted = {"toysrus": "TOYS", "toys r us": "TOYS", 'Toys"R"Us': "TOYS", "rucksack": "PACK", "连衣裙红色": "CJK"}
    wanted |= dict.fromkeys(["hennes mauritz", "hennes and mauritz", "hennes & mauritz", "h and m"], "HM")
    assert {words: search(words) for words in wanted} == {words: [sku] for words, sku in wanted.items()}


@pytest.mark.slow
def test_the_most_words_count_of_long_searches(search: Search, shop: Shopkeeper) -> None:
    shop.product("One two three four five", sku="FIVE")
    shop.product("One two three four", sku="FOUR")
    shop.product("Six seven eight", sku="THREE")
    assert search("one two three four five six seven eight") == ["FIVE"]
    assert search("one two three four six seven -five") == ["FOUR"]


@pytest.mark.slow
def test_renaming_and_moving_a_category_is_seen_at_once(search: Search, shop: Shopkeeper) -> None:
    shop.product("Plain", sku="P", category="things/odd")
    Category.objects.filter(address="things").update(name="Homeware")
    assert search("homeware") == ["P"]
    assert search("things") == []
    shop.category("garden")
    odd, garden = (Category.objects.get(address=address) for address in ("things/odd", "garden"))
    Category.objects.move(odd, garden, "sorted-child")
    assert search("garden odd") == ["P"]
    assert search("homeware") == []


@pytest.mark.slow
def test_fewer_words_are_matched_rather_than_nothing(search: Search, stocked: None) -> None:
    assert search("leather handbag zzzzqx")[0] == "BAG"
    assert set(search("ravenswood crayon")) == {"RAVEN", "CRAYON"}


@pytest.mark.slow
def test_the_page_says_what_it_did(client: Client, stocked: None) -> None:
    def text(words: str) -> str:
        return client.get("/search/", {"q": words}).content.decode()

    page = text("leather handbg")
    assert "Showing results for “leather handbag”" in page
    assert "No products match “leather handbg”." in page
    assert "No products match all words. These match some of them." in text("ravenswood crayon")
    assert "No products match" not in text("leather handbag")
    assert "<script>" not in text("<script>handbg")
    body = client.get("/api/v1/products/", {"q": "handbg"}).json()
    assert (body["corrected"], body["partial"]) == ("handbag", False)
    assert "corrected" not in client.get("/api/v1/products/").json()


@pytest.mark.slow
def test_unpublished_products_are_neither_found_nor_correct_anything(shop: Shopkeeper, client: Client) -> None:
    hidden = shop.product("Zanzibar secret", published=False)
    count_words()
    for words in ("zanzibar", "zanzibr", "secret zanzibar", "zanzi"):
        page = client.get("/search/", {"q": words}).content.decode()
        assert hidden.title not in page
        assert "Showing results" not in page
        assert client.get("/api/v1/products/", {"q": words}).json()["results"] == []


@pytest.mark.slow
def test_api_filters_leave_words_alone(client: Client, stocked: None) -> None:
    def body(**asked: str) -> Any:
        return client.get("/api/v1/products/", asked).json()

    assert [each["sku"] for each in body(q="footwear", category="footwear")["results"]] == ["59297"]
    nothing = body(q="handbag", category="footwear")
    assert (nothing["results"], nothing["corrected"], nothing["partial"]) == ([], None, False)


@pytest.mark.slow
def test_staff_edit_synonyms(admin_client: Client, client: Client, shop: Shopkeeper) -> None:
    shop.product("Blue trousers")
    assert admin_client.post("/admin/catalog/synonyms/add/", {"words": "trousers"}).status_code == 200, "one word only"
    assert admin_client.post("/admin/catalog/synonyms/add/", {"words": "slacks, trousers"}).status_code == 302
    assert "Blue trousers" in client.get("/search/?q=slacks").content.decode()
    Synonyms.objects.all().delete()
    assert "Blue trousers" not in client.get("/search/?q=slacks").content.decode()
