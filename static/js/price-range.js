// Two thumbs above the price fields: native range inputs, so keys, touch and screen readers work as they do everywhere.
// The fields stay what is sent; without this script there are only the fields. Steps follow the prices' logarithm, as
// the histogram's do, because cheap prices are more frequent than high ones. The list is asked for once a thumb rests.

const STEPS = 100;
const REST = 400; // ms. A range input fires "change" when it is released, but also at every step of a key.

function start(facet) {
  const [lowest, highest] = [facet.dataset.lowest, facet.dataset.highest].map(Number);
  const slider = facet.querySelector(".price-range");
  const fields = [...facet.querySelectorAll(".facet__prices input")];
  const ranges = [...facet.querySelectorAll("input[type=range]")];
  slider.hidden = !(highest > lowest);
  if (slider.hidden) return;
  let timer = 0;
  const digits = (facet.dataset.lowest.split(".")[1] ?? "").length; // of the currency
  const money = new Intl.NumberFormat(document.documentElement.lang, { style: "currency", currency: facet.dataset.currency });
  const span = Math.log((highest + 1) / (lowest + 1));
  const round = [Math.floor, Math.ceil]; // the ends keep the cheapest and the dearest product

  function amountOf(end, place) {
    if (Number(place) === (end ? STEPS : 0)) return end ? highest : lowest;
    const exact = (lowest + 1) * Math.exp((span * place) / STEPS) - 1;
    const unit = exact < 20 ? 10 ** -Math.min(digits, 1) : exact < 200 ? 1 : exact < 2000 ? 10 : 100;
    return Math.min(highest, Math.max(lowest, round[end](exact / unit) * unit));
  }

  function placeOf(amount) {
    const within = Math.min(highest, Math.max(lowest, amount));
    return Math.round((STEPS * Math.log((within + 1) / (lowest + 1))) / span);
  }

  const amountIn = (end) => {
    const typed = fields[end].value.trim().replace(",", ".");
    return typed === "" || !Number.isFinite(Number(typed)) ? [lowest, highest][end] : Number(typed);
  };

  function show(end) {
    ranges[end].setAttribute("aria-valuetext", money.format(amountIn(end)));
    const share = ranges[end].value / STEPS;
    slider.style.setProperty(end ? "--end" : "--start", end ? 1 - share : share);
  }

  ranges.forEach((range, end) => {
    Object.assign(range, { min: 0, max: STEPS, value: placeOf(amountIn(end)) });
    show(end);
    range.addEventListener("input", () => {
      // Thumbs may meet, never pass each other.
      range.value = end ? Math.max(range.value, ranges[0].value) : Math.min(range.value, ranges[1].value);
      const isEnd = Number(range.value) === (end ? STEPS : 0);
      fields[end].value = isEnd ? "" : amountOf(end, range.value).toFixed(digits).replace(".", facet.dataset.decimal);
      show(end);
    });
    range.addEventListener("change", (event) => {
      event.stopPropagation();
      clearTimeout(timer);
      timer = setTimeout(() => fields[end].dispatchEvent(new Event("change", { bubbles: true })), REST);
    });
    fields[end].addEventListener("input", () => {
      range.value = placeOf(amountIn(end));
      show(end);
    });
  });
}

function startAll() {
  for (const facet of document.querySelectorAll("[data-lowest]")) {
    if (!facet.dataset.started) start(facet);
    facet.dataset.started = "true";
  }
}

// An answer that arrives while a thumb moves or a price is typed would replace the very control and lose what was chosen.
document.addEventListener("input", ({ target }) => {
  if (target.closest("[data-lowest]")) htmx.trigger(target.closest(".listing"), "htmx:abort");
});
document.addEventListener("htmx:oobAfterSwap", startAll); // the facets of the new list
startAll();
