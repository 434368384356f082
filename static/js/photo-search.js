// The photo form works without this script. With it the photo can be dropped or pasted, is previewed, and stays
// chosen: only the results are swapped, so that the budget can be changed and the search repeated.

const MESSAGES = {
  403: "The page has expired. Please reload it and try again.",
  413: "The photo is too large. Please choose a smaller one.",
  429: "That was a lot of searches at once. Please wait a minute and try again.",
};
const FAILED = "The search did not work. Please try again in a moment.";
const OFFLINE = "The shop cannot be reached. Please check the connection and try again.";
const CHOOSE = "Choose a photo first.";
const NOT_A_PICTURE = "This is not a picture. Please choose a photo.";

function start(form, results) {
  const find = (name) => form.querySelector(`[data-${name}]`);
  const [drop, input, preview, name] = ["photo-drop", "photo-input", "photo-preview", "photo-name"].map(find);
  const [submit, submitText, camera] = ["photo-submit", "photo-submit-text", "photo-camera"].map(find);
  const [photoError, priceError, status] = ["photo-error", "price-error", "photo-status"].map(find);
  const hint = find("photo-hint");
  const tips = document.querySelector("[data-photo-tips]");
  const words = { name: name.textContent, submit: submitText.textContent };
  let search = null;

  form.classList.add("is-enhanced");
  form.noValidate = true; // an input that covers its area has no good place for the browser's own bubble
  hint.hidden = false;

  function complain(photo, price = "") {
    photoError.textContent = photo;
    priceError.textContent = price;
    input.setAttribute("aria-invalid", String(Boolean(photo)));
    form.elements.price_max.setAttribute("aria-invalid", String(Boolean(price)));
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

  function swap(page) {
    const text = (selector) => page.querySelector(selector)?.textContent.trim() ?? "";
    const found = page.querySelector("[data-photo-results]");
    complain(text("[data-photo-error]"), text("[data-price-error]"));
    status.textContent = text("[data-photo-results] [data-results-summary]");
    results.replaceChildren(...found.childNodes);
    if (tips) tips.hidden = results.childElementCount > 0;
    if (results.childElementCount) results.scrollIntoView({ block: "nearest" });
  }

  async function run() {
    if (!input.files.length) {
      complain(CHOOSE);
      return input.focus();
    }
    search?.abort();
    const own = (search = new AbortController());
    complain("");
    setBusy(true);
    try {
      const response = await fetch(form.action, { method: "POST", body: new FormData(form), signal: own.signal });
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      // A proxy, the CSRF check or the throttle answer with a page of their own.
      if (page.querySelector("[data-photo-results]")) swap(page);
      else throw new Error(MESSAGES[response.status] ?? FAILED);
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
    run();
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

  if (input.files.length) showChosen(); // after going back, browsers restore the choice
}

const form = document.querySelector("[data-photo-search]");
const results = document.querySelector("[data-photo-results]");
if (form && results) start(form, results);
