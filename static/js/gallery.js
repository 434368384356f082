// Thumbnails are links to picture files. With this script they switch the main picture instead.

const TINY = 120; // pixels, as in the templates: smaller pictures are not stretched to fill the tile

function start(gallery) {
  const stage = gallery.querySelector("[data-gallery-stage]");
  const main = gallery.querySelector("[data-gallery-main]");
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
    main.width = Number(thumb.dataset.width);
    main.height = Number(thumb.dataset.height);
    main.alt = thumb.dataset.alt;
    stage.classList.toggle("tile--tiny", main.width < TINY);
    for (const other of thumbs) other.removeAttribute("aria-current");
    thumb.setAttribute("aria-current", "true");
  }

  function current() {
    return thumbs.findIndex((thumb) => thumb.hasAttribute("aria-current"));
  }

  gallery.addEventListener("click", (event) => {
    const thumb = event.target.closest("[data-gallery-thumb]");
    if (!thumb || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    show(thumb);
  });

  gallery.addEventListener("keydown", (event) => {
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
