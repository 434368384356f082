// The photo form works without this script. With it the photo can be dropped or pasted, is previewed, and stays
// chosen: only the results are swapped. What stands above them (kind, colour against shape, order, budget) belongs to
// the same form; changing it searches at once, by the token that the page holds in the photo's place.

const MESSAGES = {
  403: "The page has expired. Please reload it and try again.",
  413: "The photo is too large. Please choose a smaller one.",
  429: "That was a lot of searches at once. Please wait a minute and try again.",
};
const FAILED = "The search did not work. Please try again in a moment.";
const OFFLINE = "The shop cannot be reached. Please check the connection and try again.";
const CHOOSE = "Choose a photo first.";
const NOT_A_PICTURE = "This is not a picture. Please choose a photo.";
const PAUSE = 300; // milliseconds without a change before a search

function start(form, results) {
  const find = (name) => form.querySelector(`[data-${name}]`);
  const [drop, input, preview, name] = ["photo-drop", "photo-input", "photo-preview", "photo-name"].map(find);
  const [submit, submitText, camera] = ["photo-submit", "photo-submit-text", "photo-camera"].map(find);
  const [photoError, status, hint, budget] = ["photo-error", "photo-status", "photo-hint", "budget"].map(find);
  const tips = document.querySelector("[data-photo-tips]");
  const words = { name: name.textContent, submit: submitText.textContent };
  let search = null;
  let searched = null; // the photo that the results are of
  let waiting = 0;

  form.classList.add("is-enhanced");
  form.noValidate = true; // an input that covers its area has no good place for the browser's own bubble
  hint.hidden = false;

  function complain(photo, price = "") {
    photoError.textContent = photo;
    input.setAttribute("aria-invalid", String(Boolean(photo)));
    for (const place of document.querySelectorAll("[data-budget]")) {
      place.querySelector("[data-price-error]").textContent = place.hidden ? "" : price;
      place.querySelector("input").setAttribute("aria-invalid", String(Boolean(price) && !place.hidden));
    }
  }

  // One budget: beside the results where there are any, else beside the photo.
  function settle() {
    const refine = results.querySelector("[data-refine]");
    if (refine) refine.querySelector("[data-refine-submit]").hidden = true;
    if (!budget) return;
    budget.hidden = Boolean(refine);
    budget.querySelector("input").disabled = budget.hidden;
  }

  function showChosen() {
    const file = input.files[0];
    if (preview.src) URL.revokeObjectURL(preview.src);
    preview.hidden = true;
    preview.removeAttribute("src");
    form.classList.toggle("has-photo", Boolean(file));
    name.textContent = file ? file.name : words.name;
    complain("");
    if (file) preview.src = URL.createObjectURL(file);
  }

  // Shown once it is known to be drawable: some phones' formats are for the server to read, not the browser.
  preview.addEventListener("load", () => (preview.hidden = false));

  function take(files) {
    const file = [...files].find((candidate) => candidate.type.startsWith("image/"));
    if (!file) return complain(NOT_A_PICTURE);
    const chosen = new DataTransfer();
    chosen.items.add(file);
    input.files = chosen.files;
    showChosen();
    submit.focus();
  }

  function setBusy(busy) {
    form.classList.toggle("is-busy", busy);
    results.classList.toggle("is-busy", busy);
    results.setAttribute("aria-busy", String(busy));
    submitText.textContent = busy ? "Searching…" : words.submit;
    if (busy) status.textContent = "Searching…";
  }

  function swap(page, isMore) {
    const text = (selector) => page.querySelector(selector)?.textContent.trim() ?? "";
    const found = page.querySelector("[data-photo-results]");
    const part = (selector) => [results.querySelector(selector), found.querySelector(selector)];
    const [photo, price] = [text("[data-photo-error]"), text("[data-price-error]")];
    const [seen, seenNow] = part("[data-seen]");
    const [list, listNow] = part("[data-results-list]");
    const isSame = list && seenNow?.value === seen?.value;
    if (isSame) {
      // The same photo: what is above the results stays as it is, under the hand that moves it.
      if (isMore) append(...part("[data-results-grid]"), ...part("[data-more]"));
      else if (!photo && !price) list.replaceChildren(...listNow.childNodes);
    } else {
      results.replaceChildren(...found.childNodes);
    }
    settle();
    complain(photo, price);
    status.textContent = text("[data-photo-results] [data-results-summary]");
    if (tips) tips.hidden = results.childElementCount > 0;
    // Once all that stands above has its height.
    if (!isSame && results.childElementCount) results.scrollIntoView({ block: "start" });
  }

  function append(grid, gridNow, more, moreNow) {
    const first = gridNow?.querySelector("a");
    grid.append(...(gridNow?.childNodes ?? []));
    if (moreNow) more.value = moreNow.value;
    else more.parentElement.remove();
    first?.focus({ preventScroll: true });
  }

  // `more`: the button that asks for the next page.
  async function run(more = null) {
    clearTimeout(waiting);
    waiting = 0;
    const photo = input.files[0];
    const seen = results.querySelector("[data-seen]");
    if (!photo && !seen) {
      complain(CHOOSE);
      return input.focus();
    }
    search?.abort();
    const own = (search = new AbortController());
    const body = new FormData(form);
    if (seen && (!photo || photo === searched)) body.delete("photo");
    else ["seen", "kind"].forEach((name) => body.delete(name));
    if (more) body.set("cursor", more.value);
    complain("");
    setBusy(true);
    try {
      const response = await fetch(form.action, { method: "POST", body, signal: own.signal });
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      // A proxy, the CSRF check or the throttle answer with a page of their own.
      if (!page.querySelector("[data-photo-results]")) throw new Error(MESSAGES[response.status] ?? FAILED);
      searched = page.querySelector("[data-seen]") ? photo : null;
      if (page.querySelector("[data-photo-again]") && photo && !body.has("photo")) {
        results.replaceChildren();
        settle();
        return run();
      }
      swap(page, Boolean(more));
    } catch (error) {
      if (error.name === "AbortError") return;
      status.textContent = "";
      complain(error instanceof TypeError ? OFFLINE : error.message);
    } finally {
      if (search === own) setBusy(false);
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    // What was changed a moment ago has no next page yet.
    run(event.submitter?.name === "cursor" && !waiting ? event.submitter : null);
  });

  results.addEventListener("input", (event) => {
    if (!event.target.closest("[data-refine]")) return;
    clearTimeout(waiting);
    waiting = setTimeout(run, PAUSE);
  });

  input.addEventListener("change", showChosen);

  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    take(files);
  });

  // A file dropped beside the area would replace the page: the whole page takes it.
  const carriesFile = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!carriesFile(event)) return;
    event.preventDefault();
    drop.classList.add("is-over");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) drop.classList.remove("is-over");
  });
  document.addEventListener("drop", (event) => {
    drop.classList.remove("is-over");
    if (!carriesFile(event)) return;
    event.preventDefault();
    take(event.dataTransfer.files);
  });

  // Phones: straight to the camera, while the area itself still offers the album.
  if (matchMedia("(pointer: coarse)").matches) {
    camera.hidden = false;
    hint.textContent = "from your album";
    camera.addEventListener("click", () => {
      input.setAttribute("capture", "environment");
      input.click();
      input.removeAttribute("capture");
    });
  }

  settle();
  if (input.files.length) showChosen(); // after going back, browsers restore the choice
}

const form = document.querySelector("[data-photo-search]");
const results = document.querySelector("[data-photo-results]");
if (form && results) start(form, results);
