// Saved items and the comparison: lists in cookies of this browser, see catalog/storefront/lists.py. Pages are the same
// for everybody; this shows on them what is on the lists, and changes the lists without leaving the page.

const LISTS = {
  saved: { most: "mostSaved", added: "saved", removed: "unsaved", full: "fullSaved" },
  compared: { most: "mostCompared", added: "compared", removed: "uncompared", full: "fullCompared" },
};

const template = document.querySelector("#list-tools");
const status = document.querySelector("#list-status");

function read(list) {
  const value = document.cookie.match(new RegExp(`(?:^|; )${list}=([0-9.]+)`))?.[1];
  return value ? value.split(".") : [];
}

function write(list, ids) {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `${list}=${ids.join(".")}; Path=/; Max-Age=${ids.length ? template.dataset.maxAge : 0}; SameSite=Lax${secure}`;
}

function toggle(list, id) {
  const ids = read(list);
  const { most, added, removed, full } = LISTS[list];
  const isThere = ids.includes(id);
  if (!isThere && ids.length >= Number(template.dataset[most])) return say(full);
  write(list, isThere ? ids.filter((each) => each !== id) : [id, ...ids]);
  say(isThere ? removed : added);
  show();
}

function say(what) {
  status.textContent = template.dataset[what];
}

// Every button, count and link as the lists are now.
function show() {
  for (const list of Object.keys(LISTS)) {
    const ids = read(list);
    for (const form of document.querySelectorAll(`form[data-list="${list}"]`))
      press(form.querySelector("button"), ids.includes(form.dataset.items));
    for (const count of document.querySelectorAll(`[data-list-count="${list}"]`)) {
      count.textContent = ids.length;
      count.hidden = !ids.length;
    }
    for (const link of document.querySelectorAll(`[data-list-link="${list}"]`)) {
      if (list === "compared") link.hidden = !ids.length;
      link.classList.toggle("list-link--filled", ids.length > 0);
    }
  }
  const saved = read("saved");
  for (const button of document.querySelectorAll(".card__save"))
    press(button, saved.includes(button.closest("[data-product]").dataset.product));
}

function press(button, isPressed) {
  button.setAttribute("aria-pressed", isPressed);
}

function addHearts() {
  for (const card of document.querySelectorAll("[data-product]")) {
    if (card.querySelector(".card__save")) continue;
    const button = template.content.firstElementChild.cloneNode(true);
    const title = card.querySelector(".card__title")?.textContent.trim();
    button.setAttribute("aria-label", `${button.getAttribute("aria-label")}: ${title}`);
    card.append(button); // after the link to the item, as the keyboard goes
  }
  show();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.(".card__save");
  if (button) toggle("saved", button.closest("[data-product]").dataset.product);
});
document.addEventListener("submit", (event) => {
  const { list, items } = event.target.dataset;
  if (!list) return;
  event.preventDefault();
  toggle(list, items);
});
addEventListener("pageshow", show); // a page that the browser kept may be older than the lists
new MutationObserver((changes) => {
  const isNew = changes.some(({ addedNodes }) => [...addedNodes].some((node) => node.querySelector?.("[data-product]")));
  if (isNew) addHearts();
}).observe(document.querySelector("main"), { childList: true, subtree: true });
addHearts();
