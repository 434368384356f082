// Thumbnails and the main picture are links to picture files. With this script, thumbnails switch the main picture, which
// opens on the whole screen.

import { direction, isSwipe, zoomed } from "./zoom.js";

const TINY = 120; // pixels, as in the templates: smaller pictures are not stretched to fill the tile

function start(gallery) {
  const stage = gallery.querySelector("[data-gallery-stage]");
  const main = gallery.querySelector("[data-gallery-main]");
  const open = gallery.querySelector("[data-gallery-open]");
  const status = gallery.querySelector("[data-gallery-status]");
  const thumbs = [...gallery.querySelectorAll("[data-gallery-thumb]")];

  function show(thumb) {
    // A <source> takes precedence over the picture's own address. Thumbnails have the same ones for another size.
    for (const source of stage.querySelectorAll("source")) source.remove();
    for (const source of thumb.querySelectorAll("source")) {
      const copy = source.cloneNode();
      copy.sizes = stage.dataset.gallerySizes;
      main.before(copy);
    }
    main.src = thumb.href;
    open.href = thumb.href;
    main.width = Number(thumb.dataset.width);
    main.height = Number(thumb.dataset.height);
    main.alt = thumb.dataset.alt;
    stage.classList.toggle("tile--tiny", main.width < TINY);
    for (const other of thumbs) other.removeAttribute("aria-current");
    thumb.setAttribute("aria-current", "true");
    status.textContent = label();
  }

  function current() {
    return Math.max(0, thumbs.findIndex((thumb) => thumb.hasAttribute("aria-current")));
  }

  function label() {
    if (thumbs.length < 2) return "";
    return status.dataset.text.replace("{number}", current() + 1).replace("{total}", thumbs.length);
  }

  const go = (place) => thumbs.length && show(thumbs[(place + thumbs.length) % thumbs.length]);
  const turn = (by) => go(current() + by);

  const dialog = gallery.querySelector("[data-zoom]");
  const enlarge = zoomed(dialog, { pictures: thumbs.length ? thumbs : [open], place: current, turn, go, label });
  dialog.addEventListener("close", () => open.focus());
  open.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    enlarge();
  });

  let from = null; // where a finger touched the main picture
  stage.addEventListener("pointerdown", (event) => (from = event.pointerType === "mouse" || !event.isPrimary ? null : event));
  stage.addEventListener("pointercancel", () => (from = null));
  stage.addEventListener("pointerup", (event) => {
    if (!from) return;
    const [dx, dy] = [event.clientX - from.clientX, event.clientY - from.clientY];
    if (isSwipe(dx, dy)) turn(direction(dx, gallery));
    from = null;
  });

  gallery.addEventListener("click", (event) => {
    const thumb = event.target.closest("[data-gallery-thumb]");
    if (!thumb || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    show(thumb);
  });

  gallery.addEventListener("keydown", (event) => {
    if (dialog.open || !thumbs.length) return;
    const forward = getComputedStyle(document.documentElement).direction === "rtl" ? -1 : 1;
    const goal = { ArrowLeft: current() - forward, ArrowRight: current() + forward, Home: 0, End: thumbs.length - 1 }[event.key];
    if (goal === undefined) return;
    event.preventDefault();
    const thumb = thumbs[(goal + thumbs.length) % thumbs.length];
    thumb.focus();
    show(thumb);
  });
}

for (const gallery of document.querySelectorAll("[data-gallery]")) start(gallery);
