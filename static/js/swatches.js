// Swatches are links to the same page with the strip in that colour. With this script only the strip is replaced.

const PARTS = "[data-recolour]"; // the heading and the row, in this order

function start(section) {
  const parts = [...section.querySelectorAll(PARTS)];
  const swatches = section.querySelectorAll(".swatch");
  const status = section.querySelector("[data-recolour-status]");
  let search = null;

  async function show(chosen) {
    search?.abort();
    const own = (search = new AbortController());
    section.setAttribute("aria-busy", "true");
    try {
      const response = await fetch(chosen.href, { signal: own.signal });
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const fresh = page.querySelectorAll(PARTS);
      parts.forEach((part, place) => part.replaceChildren(...fresh[place].childNodes));
      for (const swatch of swatches) swatch.removeAttribute("aria-current");
      chosen.setAttribute("aria-current", "true");
      history.replaceState(null, "", chosen.href.split("#")[0]); // so that reloading and going back keep the colour
      const [heading, row] = parts;
      status.textContent = `${heading.textContent}: ${row.querySelectorAll("li").length}`;
    } catch (error) {
      if (error.name !== "AbortError") location.assign(chosen.href);
    } finally {
      if (search === own) section.removeAttribute("aria-busy");
    }
  }

  section.addEventListener("click", (event) => {
    const swatch = event.target.closest(".swatch");
    if (!swatch || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    show(swatch);
  });
}

for (const section of document.querySelectorAll("[data-swatches]")) start(section);
