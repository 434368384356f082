"""Parts of pages that are the same for everybody, drawn once in each process."""

from __future__ import annotations

from django import template
from django.template.base import FilterExpression, NodeList, Parser, Token
from django.template.context import Context
from django.urls import get_script_prefix
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from catalog.storefront.drawn import Drawn

register = template.Library()
KEPT = 256  # versions of one part


class Unchanging(template.Node):
    """The versions are kept with the compiled template, which Django compiles again when it changes."""

    def __init__(self, nodelist: NodeList, depends_on: list[FilterExpression]) -> None:
        self.nodelist = nodelist
        self._depends_on = depends_on
        self._drawn = Drawn()

    def render(self, context: Context) -> SafeString:
        key = (get_language(), get_script_prefix(), *(each.resolve(context) for each in self._depends_on))
        return self._drawn.get(key, lambda: self.nodelist.render(context), most=KEPT)


@register.tag
def unchanging(parser: Parser, token: Token) -> Unchanging:
    """`{% unchanging a b.c %}…{% endunchanging %}`: the part depends only on the language and on these values, which
    must be hashable. List every value of the page that it reads."""
    depends_on = [parser.compile_filter(each) for each in token.split_contents()[1:]]
    nodelist = parser.parse(("endunchanging",))
    parser.delete_first_token()
    return Unchanging(nodelist, depends_on)
