// Unfold, select2 and Django's own widgets leave some controls without a name, a role or a key. This gives them one.
// Widgets draw themselves again, so whatever appears is treated as it appears; doing it twice changes nothing.

const ICONS = { arrow_back: "Back", dock_to_right: "Menu", more_horiz: "More actions", more_vert: "Related records" };

const textOf = (element) => element?.textContent.replace(/\s+/g, " ").trim().replace(/\*$/, "") ?? "";
const labelOf = (id) => textOf(document.querySelector(`label[for="${CSS.escape(id)}"]`));

function name(element, text) {
  if (element && text && element.getAttribute("aria-label") !== text) element.setAttribute("aria-label", text);
}

// select2 hides the field and shows a box of its own, labelled by the value in it.
function nameSelect2(box) {
  const field = box.previousElementSibling;
  const text = labelOf(field?.id ?? "") || field?.getAttribute("aria-label");
  const chooser = box.querySelector(".select2-selection");
  const shown = box.querySelector(".select2-selection__rendered");
  name(chooser, text);
  chooser?.removeAttribute("aria-labelledby");
  name(box.querySelector(".select2-search__field"), text);
  if (shown?.tagName === "SPAN") ["role", "aria-readonly"].forEach((attribute) => shown.removeAttribute(attribute));
  else if (shown) [shown, ...shown.children].forEach((part) => part.matches("ul, li") && part.setAttribute("role", "none"));
}

// Something to click becomes a button for the keyboard as well.
function makeButton(element) {
  if (element.matches("button, a[href], input, select, textarea, summary, label, nav, form")) return;
  element.setAttribute("role", "button");
  element.tabIndex = 0;
  const icon = textOf(element.querySelector(".material-symbols-outlined") ?? element);
  if (icon in ICONS) name(element, ICONS[icon]);
}

// An icon is a word that a font draws: `arrow_back`. Screen readers should not read it.
function silence(icon) {
  const control = icon.closest("a, button");
  const text = textOf(icon);
  if (control && textOf(control) === text) name(control, control.title || ICONS[text] || text.replaceAll("_", " "));
  if (icon.getAttribute("role") !== "button" && !icon.matches("[x-on\\:click]")) icon.setAttribute("aria-hidden", "true");
}

function improve() {
  document.querySelectorAll(".select2-container:not(.select2-container--open > *)").forEach(nameSelect2);
  document.querySelectorAll(".select2-dropdown .select2-search__field").forEach((field) => name(field, "Search"));
  document.querySelectorAll("[x-on\\:click]").forEach(makeButton);
  document.querySelectorAll(".material-symbols-outlined").forEach(silence);
  document.querySelectorAll(".simplebar-content-wrapper[role=region]").forEach((box) => box.setAttribute("role", "group"));
  document.querySelectorAll(".help-tooltip[aria-label]:not([role])").forEach((help) => help.setAttribute("role", "img"));
  for (const head of document.querySelectorAll("table th")) {
    if (textOf(head) || head.querySelector("input")) continue;
    const text = head.closest(".formset") ? "Remove" : "Order";
    head.append(Object.assign(document.createElement("span"), { className: "admin-hidden", textContent: text }));
  }
  const palette = document.querySelector("#search-input-command");
  const frame = palette?.closest("[x-show]");
  if (frame) {
    frame.setAttribute("role", "dialog");
    frame.setAttribute("aria-modal", "true");
    name(frame, "Search");
    name(palette, "Search");
    name(document.querySelector("#command-submit"), "Search");
  }
}

function start() {
  improve();
  let planned = false;
  new MutationObserver(() => {
    if (planned) return;
    planned = true;
    requestAnimationFrame(() => {
      planned = false;
      improve();
    });
  }).observe(document.body, { childList: true, subtree: true });

  document.addEventListener("keydown", (event) => {
    const isButton = event.target.matches?.("[role=button][x-on\\:click]");
    if (isButton && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      event.target.click();
    }
    // Menus close when something outside them is clicked.
    if (event.key === "Escape") document.body.click();
  });
}

document.addEventListener("DOMContentLoaded", start);
