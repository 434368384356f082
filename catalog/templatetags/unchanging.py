"""Parts of pages that are the same for everybody, drawn once in each process."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock

from django import template
from django.template.base import FilterExpression, NodeList, Parser, Token
from django.template.context import Context
from django.urls import get_script_prefix
from django.utils.safestring import SafeString
from django.utils.translation import get_language

register = template.Library()
KEPT = 256  # versions of one part


class Unchanging(template.Node):
    """The versions are kept with the compiled template, which Django compiles again when it changes."""

    def __init__(self, nodelist: NodeList, depends_on: list[FilterExpression]) -> None:
        self.nodelist = nodelist
        self._depends_on = depends_on
        self._drawn: OrderedDict[Hashable, SafeString] = OrderedDict()
        self._lock = Lock()

    def render(self, context: Context) -> SafeString:
        key = (get_language(), get_script_prefix(), *(each.resolve(context) for each in self._depends_on))
        with self._lock:
            drawn = self._drawn.get(key)
            if drawn is not None:
                self._drawn.move_to_end(key)
                return drawn
        drawn = self.nodelist.render(context)
        with self._lock:
            self._drawn[key] = drawn
            if len(self._drawn) > KEPT:
                self._drawn.popitem(last=False)
        return drawn


@register.tag
def unchanging(parser: Parser, token: Token) -> Unchanging:
    """`{% unchanging a b.c %}…{% endunchanging %}`: the part depends only on the language and on these values, which
    must be hashable. List every value of the page that it reads."""
    depends_on = [parser.compile_filter(each) for each in token.split_contents()[1:]]
    nodelist = parser.parse(("endunchanging",))
    parser.delete_first_token()
    return Unchanging(nodelist, depends_on)
