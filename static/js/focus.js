// Where the focus goes when its element is replaced, or its page is left. The browser itself keeps the rest: the scroll
// position on the way back, and the focus as long as its element stays.

const links = ".card__title a";

// Back from a product: to its card, which is noted in the entry of the history, so nothing is stored elsewhere.
function note(link) {
  history.replaceState({ ...history.state, card: link.getAttribute("href") }, "");
}

function restore() {
  const card = history.state?.card;
  const isNew = performance.getEntriesByType("navigation")[0]?.type === "navigate";
  if (!card || isNew || document.activeElement !== document.body) return;
  const link = [...document.querySelectorAll(links)].find((each) => each.getAttribute("href") === card);
  link?.focus({ preventScroll: true });
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.(links);
  if (link) note(link);
});
addEventListener("pageshow", restore);

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
