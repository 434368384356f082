// What the search box offers while somebody types: the combobox pattern of the ARIA Authoring Practices. The server
// makes the options, which are links. Without this script, the box is a form like any other.

const WAIT = 150; // ms without a key before the server is asked

function start(form) {
  const input = form.querySelector("input[type=search]");
  const list = document.createElement("div");
  const kept = new Map(); // text → fragment, for as long as the page is open
  let timer = 0;
  let latest = ""; // the text that the open list belongs to, or will belong to
  let request = null;

  list.id = "site-search-suggestions";
  list.className = "suggestions";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", input.dataset.suggestionsLabel);
  list.hidden = true;
  form.append(list);
  input.setAttribute("role", "combobox");
  input.setAttribute("aria-autocomplete", "list");
  input.setAttribute("aria-expanded", "false");
  input.setAttribute("aria-controls", list.id);

  const options = () => [...list.querySelectorAll("[role=option]")];
  const active = () => list.querySelector("[aria-selected=true]");

  function select(option) {
    active()?.setAttribute("aria-selected", "false");
    option?.setAttribute("aria-selected", "true");
    option?.scrollIntoView({ block: "nearest" });
    if (option) input.setAttribute("aria-activedescendant", option.id);
    else input.removeAttribute("aria-activedescendant");
  }

  function close() {
    clearTimeout(timer);
    request?.abort();
    select(null);
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
  }

  function open(fragment) {
    list.innerHTML = fragment;
    select(null);
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
  }

  async function ask() {
    const text = input.value.trimStart();
    latest = text;
    if (kept.has(text)) return open(kept.get(text));
    request?.abort();
    request = new AbortController();
    try {
      const answer = await fetch(`${input.dataset.suggestions}?q=${encodeURIComponent(text)}`, { signal: request.signal });
      if (!answer.ok) return;
      const fragment = await answer.text();
      kept.set(text, fragment);
      if (text === latest && document.activeElement === input) open(fragment);
    } catch {
      // Aborted, or offline: the form still works.
    }
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, WAIT);
  });
  // Opening it on every focus would be in the way of those who tab through the page.
  input.addEventListener("click", () => list.hidden && ask());
  form.addEventListener("focusout", (event) => form.contains(event.relatedTarget) || close());
  form.addEventListener("submit", close);
  list.addEventListener("pointerdown", (event) => event.preventDefault()); // the focus stays in the box

  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !list.hidden) {
      event.preventDefault(); // the first Escape closes the list, the second empties the box
      return close();
    }
    if (event.key === "Enter" && active() && !list.hidden) {
      event.preventDefault();
      return active().click();
    }
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    if (list.hidden) return ask();
    const all = options();
    const place = all.indexOf(active()) + (event.key === "ArrowDown" ? 1 : -1);
    select(all[place < -1 ? all.length - 1 : place] ?? null); // past either end: back in the box
  });
}

const box = document.querySelector(".search-box");
if (box?.querySelector("[data-suggestions]")) start(box);
