// Going back from a product returns to its card: the browser restores the scroll position, and this the focus, which
// otherwise is lost with the page. The card is noted in the entry of the history, so nothing is stored elsewhere.
// The category menu is closed when a page is left: a browser may show the page again just as it was.

const links = ".card__title a";

function isBack() {
  return performance.getEntriesByType("navigation")[0]?.type !== "navigate";
}

function note(link) {
  history.replaceState({ ...history.state, card: link.getAttribute("href") }, "");
}

function restore() {
  const card = history.state?.card;
  if (!card || !isBack() || document.activeElement !== document.body) return;
  const link = [...document.querySelectorAll(links)].find((each) => each.getAttribute("href") === card);
  link?.focus({ preventScroll: true });
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.(links);
  if (link) note(link);
});
addEventListener("pagehide", () => document.querySelector(".menu:popover-open")?.hidePopover());
addEventListener("pageshow", restore);
