// The photo form works without this script. With it, choosing, dropping or pasting a photo or clicking a sample starts
// the search: the browser makes the photo small (`photo-shrink.js`), the shopper may crop it (`photo-crop.js`), and htmx
// replaces only the results; the form's `hx-` attributes say when to search. The options above the results (photo type,
// shape or colour, order, budget) belong to the same form. Changing one searches again at once, with the token that the
// page keeps instead of the photo.
// The sentences come from the form's `data-say-…` attributes, so that they can be translated.

import { cropper } from "./photo-crop.js";
import { cut, drawn, encoded, isHeic, isPicture } from "./photo-shrink.js";

function start(form, results) {
  const find = (name) => form.querySelector(`[data-${name}]`);
  const [drop, input, preview, name] = ["photo-drop", "photo-input", "photo-preview", "photo-name"].map(find);
  const [camera, budget] = ["photo-camera", "budget"].map(find);
  const [photoError, status] = ["photo-error", "photo-status"].map(find);
  const tips = document.querySelector("[data-photo-tips]");
  const choose = [...name.childNodes];
  const crop = cropper(form.querySelector("[data-crop]"), search);
  const layout = document.querySelector("[data-photo-page]");
  const isWide = matchMedia("(min-width: 48rem)");
  const say = form.dataset;
  const refusals = { 403: say.sayExpired, 413: say.sayTooLarge, 429: say.sayTooMany };
  let asked = null; // the photo that was chosen when the last search began
  let askedLimit = ""; // and the budget
  let searched = null; // the photo that the results are of
  let whole = null; // a canvas with the chosen photo; null where the browser cannot decode it
  let turn = 0; // counts photos and crops: only the latest is sent
  let preparing = false;
  let thumbnail = {}; // the picture next to the results: the file and its address
  let cropping = false; // the photo to send is another part of the one before it

  form.noValidate = true; // an input that covers its area has no good place for the browser's own bubble

  function complain(photo, price = "") {
    photoError.textContent = photo;
    input.setAttribute("aria-invalid", String(Boolean(photo)));
    for (const place of document.querySelectorAll("[data-budget]")) {
      place.querySelector("[data-price-error]").textContent = place.hidden ? "" : price;
      place.querySelector("input").setAttribute("aria-invalid", String(Boolean(price) && !place.hidden));
      if (price && place.closest("details")) place.closest("details").open = true;
    }
  }

  // Some screen readers repeat what is set again.
  function announce(sentence) {
    if (status.textContent !== sentence) status.textContent = sentence;
  }

  function fail(sentence) {
    announce("");
    complain(sentence);
  }

  // Keyboards and screen readers continue where the answer is, and the window shows it.
  function moveTo(place) {
    place?.focus({ preventScroll: true });
    place?.scrollIntoView({ block: "nearest", behavior: "instant" });
  }

  // One budget field: next to the results if there are any, otherwise next to the photo.
  function settle() {
    const refine = results.querySelector("[data-refine]");
    layout?.classList.toggle("photo-page--found", Boolean(refine) && !layout.querySelector("[data-like]"));
    if (refine && whole) name.textContent = say.sayAnother;
    if (refine) refine.querySelector("[data-refine-submit]").hidden = true;
    if (refine && whole && input.files.length) showNextToResults(refine.querySelector("[data-query-photo]"));
    // On phones the results come first, so the options are folded.
    if (refine && isWide.matches) refine.querySelector("[data-refine-more]").open = true;
    if (!budget) return;
    budget.hidden = Boolean(refine);
    budget.querySelector("input").disabled = budget.hidden;
  }

  function showNextToResults(link) {
    link.hidden = false;
    if (thumbnail.of !== input.files[0]) {
      if (thumbnail.url) URL.revokeObjectURL(thumbnail.url);
      thumbnail = { of: input.files[0], url: URL.createObjectURL(input.files[0]) };
    }
    link.querySelector("img").src = thumbnail.url;
  }

  function showChosen(file, drawable) {
    if (preview.src) URL.revokeObjectURL(preview.src);
    preview.hidden = true;
    preview.removeAttribute("src");
    form.classList.toggle("has-photo", Boolean(file));
    name.replaceChildren(...(file ? [file.name] : choose));
    const absent = form.querySelector("[data-photo-absent]");
    if (absent) absent.hidden = Boolean(file);
    if (file && layout) replaceProduct();
    crop.open(drawable ? file : null);
    if (file && !drawable) preview.src = URL.createObjectURL(file);
  }

  // The photo takes the place of the product whose look-alikes were shown.
  function replaceProduct() {
    layout.querySelector("[data-like]")?.remove();
    layout.querySelector("[data-photo-head]").hidden = false;
    layout.querySelector("[data-photo-instead]")?.replaceWith(form);
  }

  // Shown once it has loaded: the server reads some formats that browsers cannot.
  preview.addEventListener("load", () => (preview.hidden = false));

  // Where anything fails, the file is sent as it is.
  async function take(file) {
    if (!file || !isPicture(file)) return complain(say.sayNoPicture);
    const mine = ++turn;
    preparing = true;
    complain("");
    announce(say.saySearching);
    const canvas = await drawn(file);
    const small = canvas && (await encoded(canvas));
    if (mine !== turn) return;
    preparing = false;
    whole = small ? canvas : null;
    if (!canvas && isHeic(file)) {
      put();
      showChosen(null);
      return fail(say.sayHeic);
    }
    showChosen(file, Boolean(small));
    cropping = false;
    put(small ?? file);
    form.requestSubmit();
  }

  // Search with a part of the chosen photo.
  async function search({ x, y, width, height }) {
    const mine = ++turn;
    const [w, h] = [whole.width, whole.height];
    const part = await encoded(cut(whole, { x: x * w, y: y * h, width: width * w, height: height * h }));
    if (mine !== turn || !part) return;
    cropping = Boolean(searched);
    put(part);
    form.requestSubmit();
  }

  function put(file) {
    const chosen = new DataTransfer();
    if (file) chosen.items.add(file);
    input.files = chosen.files;
  }

  // A click on the button while the same search is running would only begin it again. Before htmx, which would abort it.
  const limit = () => budget?.querySelector("input").value ?? "";
  document.addEventListener(
    "submit",
    (event) => {
      const isAgain = event.target === form && event.submitter?.matches("[data-photo-submit]");
      const isSame = preparing || (form.classList.contains("htmx-request") && asked && asked === input.files[0]);
      if (!isAgain || !isSame || (!preparing && limit() !== askedLimit)) return;
      event.preventDefault();
      event.stopPropagation();
    },
    true,
  );

  form.addEventListener("htmx:configRequest", (event) => {
    const { formData, triggeringEvent } = event.detail;
    const seen = results.querySelector("[data-seen]");
    if (preparing) return event.preventDefault(); // the search starts when the photo is ready
    asked = input.files[0];
    askedLimit = limit();
    if (!asked && !seen) {
      event.preventDefault();
      complain(say.sayChoose);
      return input.focus();
    }
    if (seen && (!asked || asked === searched)) formData.delete("photo");
    else {
      ["seen", "type", "product"].forEach((name) => formData.delete(name));
      if (cropping) formData.set("cropped", "on");
    }
    // htmx adds the button that was clicked last.
    if (triggeringEvent?.type !== "submit") ["cursor", "remaining", "raised", "any_price"].forEach((name) => formData.delete(name));
    complain("");
    announce(say.saySearching);
  });

  // Which part of the answer replaces which part of the page. htmx sends this event to the target of the swap.
  results.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const page = new DOMParser().parseFromString(detail.serverResponse, "text/html");
    const sent = detail.requestConfig.formData;
    const text = (selector) => page.querySelector(selector)?.textContent.trim() ?? "";
    const [photo, price] = [text("[data-photo-error]"), text("[data-price-error]")];
    // Proxies, the CSRF check and the throttle answer with a different page.
    detail.shouldSwap = Boolean(page.querySelector("[data-photo-results]"));
    if (!detail.shouldSwap) return fail(refusals[detail.xhr.status] ?? say.sayFailed);
    searched = page.querySelector("[data-seen]") ? asked : null;
    if (page.querySelector("[data-photo-again]") && asked && !sent.has("photo")) {
      detail.shouldSwap = false;
      return setTimeout(() => form.requestSubmit());
    }
    const [list, grid, more] = ["list", "grid", "more"].map((name) => results.querySelector(`[data-results-${name}]`));
    const isSame = list && results.querySelector("[data-seen]").value === page.querySelector("[data-seen]")?.value;
    const shown = grid?.childElementCount;
    if (isSame && sent.has("cursor")) {
      Object.assign(detail, { target: grid, selectOverride: "[data-results-grid] > *", swapOverride: "beforeend" });
      const next = page.querySelector("[data-results-more] button");
      if (next) more.querySelector("button").value = next.value;
      else more.replaceChildren();
    } else if (isSame) {
      // The same photo: the options above the results stay as they are, because the shopper is using one of them.
      Object.assign(detail, { target: list, selectOverride: "[data-results-list] > *" });
      detail.shouldSwap = !photo && !price;
      // A button in the list may have changed them.
      for (const field of results.querySelectorAll("[data-refine] :is([name=words], [name=price_min], [name=price_max])")) {
        const answered = page.querySelector(`[data-refine] [name=${field.name}]`);
        if (answered && field.value === sent.get(field.name)) field.value = answered.value;
      }
    }
    const settleDown = () => {
      settle();
      complain(photo, price);
      announce(text("[data-photo-results] [data-results-summary]"));
      if (tips) tips.hidden = results.childElementCount > 0;
      // Last, when everything above has its final height.
      if (sent.has("cursor")) moveTo(grid?.children[shown]?.querySelector(".card__title a"));
      else if (sent.has("cropped")) return; // the shopper is still using the box
      else if (!isSame && results.childElementCount) {
        const title = results.querySelector("#results-title");
        const isLow = !title || title.getBoundingClientRect().top > innerHeight * 0.7; // its first row would be out of view
        if (isLow) results.scrollIntoView({ block: "start", behavior: "instant" });
        moveTo(title);
      } else if (photo) moveTo(input);
    };
    form.addEventListener("htmx:afterOnLoad", settleDown, { once: true });
  });

  // Half-typed words would be reported as not understood: Enter or the button searches.
  results.addEventListener("input", (event) => event.target.matches("[data-words]") && event.stopPropagation(), true);

  form.addEventListener("htmx:sendError", () => fail(say.sayOffline));

  input.addEventListener("change", () => input.files.length && take(input.files[0]));

  // Without this script a sample is a button that the server answers.
  form.addEventListener("click", async (event) => {
    const sample = event.target.closest("[data-photo-sample]");
    if (!sample) return;
    event.preventDefault();
    try {
      const answer = await fetch(sample.querySelector("img").src);
      const data = await answer.blob();
      take(new File([data], sample.querySelector("img").alt, { type: data.type }));
    } catch {
      fail(say.sayOffline);
    }
  });

  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    take(files.find(isPicture));
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
    take([...event.dataTransfer.files].find(isPicture));
  });

  // On phones this button opens the camera; the area itself still offers the album.
  camera.addEventListener("click", () => {
    input.setAttribute("capture", "environment");
    input.click();
    input.removeAttribute("capture");
  });

  isWide.addEventListener("change", settle);
  settle();
  // After going back, some browsers restore the choice; results in the page may be of another photo.
  if (results.childElementCount) put();
  else if (input.files.length) take(input.files[0]);
}

const form = document.querySelector("[data-photo-search]");
const results = document.querySelector("[data-photo-results]");
if (form && results) start(form, results);
