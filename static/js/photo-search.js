// The photo form works without this script. With it, shoppers can drop or paste a photo and preview it, and only the
// results are replaced. The options above the results (photo type, shape or colour, order, budget) belong to the same
// form. Changing one searches again at once, with the token that the page keeps instead of the photo.
// The sentences come from the form's `data-say-…` attributes, so that they can be translated.

const PAUSE = 300; // milliseconds without a change before a search

function start(form, results) {
  const find = (name) => form.querySelector(`[data-${name}]`);
  const [drop, input, preview, name] = ["photo-drop", "photo-input", "photo-preview", "photo-name"].map(find);
  const [submit, submitText, camera] = ["photo-submit", "photo-submit-text", "photo-camera"].map(find);
  const [photoError, status, hint, budget] = ["photo-error", "photo-status", "photo-hint", "budget"].map(find);
  const tips = document.querySelector("[data-photo-tips]");
  const words = { name: name.textContent, submit: submitText.textContent };
  const say = form.dataset;
  const refusals = { 403: say.sayExpired, 413: say.sayTooLarge, 429: say.sayTooMany };
  const isTouch = matchMedia("(pointer: coarse)").matches;
  let search = null;
  let searched = null; // the photo that the results are of
  let waiting = 0;

  form.classList.add("is-enhanced");
  form.noValidate = true; // an input that covers its area has no good place for the browser's own bubble
  hint.hidden = isTouch; // on a phone there is nothing to drop or paste

  function complain(photo, price = "") {
    photoError.textContent = photo;
    input.setAttribute("aria-invalid", String(Boolean(photo)));
    for (const place of document.querySelectorAll("[data-budget]")) {
      place.querySelector("[data-price-error]").textContent = place.hidden ? "" : price;
      place.querySelector("input").setAttribute("aria-invalid", String(Boolean(price) && !place.hidden));
    }
  }

  // One budget field: next to the results if there are any, otherwise next to the photo.
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

  // Shown once it has loaded: the server reads some phones' formats that browsers cannot.
  preview.addEventListener("load", () => (preview.hidden = false));

  function take(files) {
    const file = [...files].find((candidate) => candidate.type.startsWith("image/"));
    if (!file) return complain(say.sayNoPicture);
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
    submitText.textContent = busy ? say.saySearching : words.submit;
    if (busy) status.textContent = say.saySearching;
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
      // The same photo: the options above the results stay as they are, because the shopper is using one of them.
      if (isMore) append(...part("[data-results-grid]"), ...part("[data-more]"));
      else if (!photo && !price) list.replaceChildren(...listNow.childNodes);
    } else {
      results.replaceChildren(...found.childNodes);
    }
    settle();
    complain(photo, price);
    status.textContent = text("[data-photo-results] [data-results-summary]");
    if (tips) tips.hidden = results.childElementCount > 0;
    // Last, when everything above has its final height.
    if (!isSame && results.childElementCount) results.scrollIntoView({ block: "start" });
  }

  function append(grid, gridNow, more, moreNow) {
    const first = gridNow?.querySelector("a");
    grid.append(...(gridNow?.childNodes ?? []));
    if (moreNow) more.value = moreNow.value;
    else more.parentElement.remove();
    first?.focus({ preventScroll: true });
  }

  // `more`: the button that requests the next page.
  async function run(more = null) {
    clearTimeout(waiting);
    waiting = 0;
    const photo = input.files[0];
    const seen = results.querySelector("[data-seen]");
    if (!photo && !seen) {
      complain(say.sayChoose);
      return input.focus();
    }
    search?.abort();
    const own = (search = new AbortController());
    const body = new FormData(form);
    if (seen && (!photo || photo === searched)) body.delete("photo");
    else ["seen", "type"].forEach((name) => body.delete(name));
    if (more) body.set("cursor", more.value);
    complain("");
    setBusy(true);
    try {
      const response = await fetch(form.action, { method: "POST", body, signal: own.signal });
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      // Proxies, the CSRF check and the throttle answer with a different page.
      if (!page.querySelector("[data-photo-results]")) throw new Error(refusals[response.status] ?? say.sayFailed);
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
      complain(error instanceof TypeError ? say.sayOffline : error.message);
    } finally {
      if (search === own) setBusy(false);
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    // While a changed option waits to be searched with, there is no next page.
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

  // A file dropped outside the area would replace the page, so the whole page accepts it.
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

  // On phones this button opens the camera; the area itself still offers the album.
  if (isTouch) {
    camera.hidden = false;
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
