// Swagger UI has headings that skip a level, and parts outside every landmark.

function improve() {
  for (const [heading, level] of [["h3.opblock-tag", 2], ["h4", 3]]) {
    for (const each of document.querySelectorAll(heading)) each.setAttribute("aria-level", level);
  }
  for (const [part, name] of [[".information-container", "About this API"], [".scheme-container", "Authorization"]]) {
    const found = document.querySelector(part);
    found?.setAttribute("role", "region");
    found?.setAttribute("aria-label", name);
  }
}

improve();
new MutationObserver(improve).observe(document.querySelector("#swagger-ui"), { childList: true, subtree: true });
