// Where the focus goes when its element is replaced, or its page is left. The browser itself keeps the rest: the scroll
// position on the way back, and the focus as long as its element stays.

const links = ".card__title a";

// Back from a product: to its card, which is noted in the entry of the history, so nothing is stored elsewhere. Another
// row may have a card of the same product by then.
function note(link) {
  history.replaceState({ ...history.state, card: link.getAttribute("href"), row: link.closest("section[id]")?.id }, "");
}

function restore() {
  const { card, row } = history.state ?? {};
  const isNew = performance.getEntriesByType("navigation")[0]?.type === "navigate";
  if (!card || isNew || document.activeElement !== document.body) return null;
  const link = [...(document.getElementById(row) ?? document).querySelectorAll(links)].find((each) => each.getAttribute("href") === card);
  link?.focus({ preventScroll: true });
  return link;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.(links);
  if (link) note(link);
});
addEventListener("pageshow", restore);

// The card may be among the similar items, which come after the page and may be larger than the place kept for them.
document.addEventListener("htmx:afterSettle", ({ target }) => {
  if (target.id === "similar") restore()?.scrollIntoView({ block: "nearest" });
});

// A browser may show a page that was left just as it was.
addEventListener("pagehide", () => document.querySelector(".menu:popover-open")?.hidePopover());

// "Load more": to the first new card. htmx replaces the link that had the focus.
document.addEventListener("htmx:beforeSwap", ({ detail: { target } }) => {
  if (target.id !== "cards") return;
  const shown = target.childElementCount;
  const move = () => target.children[shown]?.querySelector(links)?.focus({ preventScroll: true });
  document.addEventListener("htmx:afterSettle", move, { once: true });
});

// Closed filters: to their button, which htmx may have replaced. The event does not bubble.
document.addEventListener(
  "toggle",
  ({ target, newState }) => {
    const active = document.activeElement;
    if (target.id === "filters" && newState === "closed" && (active === document.body || target.contains(active)))
      document.querySelector(".listing__filters")?.focus();
  },
  true,
);
