// Swatches are links to the same page with the strip in that colour. htmx replaces only the strip; this script keeps what
// else links do.

// With a modifier key, a link opens in a new tab or window: htmx does not see the click.
function keepModifiers(event) {
  const hasModifier = event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
  if (hasModifier && event.target.closest("a[hx-get]")) event.stopPropagation();
}

// If the strip cannot be replaced, the page of the link says why.
const follow = (event) => location.assign(event.detail.elt.href);

document.addEventListener("click", keepModifiers, { capture: true });
document.addEventListener("htmx:responseError", follow);
document.addEventListener("htmx:sendError", follow);
