// The similar items of a product page. They are fetched shortly before they come into the window. Swatches are links to
// the same page with the strip in that colour: htmx replaces only the strip; this script keeps what else links do.

const NEAR = "400px"; // from the window

function fetchWhenNear(section) {
  const start = () => section.dispatchEvent(new Event("near"));
  // Back from one of them: the page returns to its card.
  if (performance.getEntriesByType("navigation")[0]?.type === "back_forward" && history.state?.card) return start();
  const observer = new IntersectionObserver(
    (entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      start();
    },
    { rootMargin: `${NEAR} 0px` },
  );
  observer.observe(section);
}

// With a modifier key, a link opens in a new tab or window: htmx does not see the click.
function keepModifiers(event) {
  const hasModifier = event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
  if (hasModifier && event.target.closest("a[hx-get]")) event.stopPropagation();
}

// If the strip cannot be replaced, the page of the link says why. If there is none yet, its link stays.
function fail({ detail: { elt } }) {
  if (elt.href) return location.assign(elt.href);
  const problem = elt.querySelector("[data-similar-problem]");
  if (!problem) return;
  problem.textContent = problem.dataset.text;
  elt.classList.add("strip--failed");
}

// A card that became an example is gone, and so would be the focus on it.
function keepFocus({ detail: { target, requestConfig } }) {
  if (target.id !== "similar" || !requestConfig.elt.href || document.activeElement !== document.body) return;
  document.getElementById("similar-title")?.focus({ preventScroll: true });
}

document.addEventListener("htmx:afterSettle", keepFocus);
document.addEventListener("click", keepModifiers, { capture: true });
document.addEventListener("htmx:responseError", fail);
document.addEventListener("htmx:sendError", fail);

// htmx listens from this event on.
document.addEventListener("DOMContentLoaded", () => {
  const section = document.querySelector("[data-similar-waiting]");
  if (section) fetchWhenNear(section);
});
