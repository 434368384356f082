// Reports which cards of strips were seen and clicked, so that the shop can tell how good its look-alikes are.
// It sends one report when the shopper leaves the page, without anything that identifies them. Links work without it.

const SEEN = 0.5; // share of a card that must be visible

const strips = new Map(); // list element → its label and what has not been reported yet
const known = new WeakMap(); // card → what has been noted: each thing once per page

function note(item, what) {
  const strip = strips.get(item.parentElement);
  const noted = known.get(item);
  if (!strip || !noted || noted.has(what)) return;
  noted.add(what);
  strip[what].push([...item.parentElement.children].indexOf(item));
}

const observer = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      note(target, "seen");
      observer.unobserve(target);
    }
  },
  { threshold: SEEN },
);

function watch() {
  for (const list of document.querySelectorAll("[data-strip]")) {
    if (strips.has(list)) continue;
    strips.set(list, { label: list.dataset.strip, seen: [], clicked: [] });
    for (const item of list.children) {
      known.set(item, new Set());
      observer.observe(item);
    }
  }
}

function follow(event) {
  if (event.type === "auxclick" && event.button !== 1) return; // the middle button opens a tab
  const item = event.target.closest("a[href]:not([data-tool])")?.closest("[data-strip] > *");
  if (!item) return;
  note(item, "seen"); // a keyboard can follow a link that was never visible
  note(item, "clicked");
}

function report(address) {
  const fresh = [...strips.values()].filter((strip) => strip.seen.length || strip.clicked.length);
  if (!fresh.length) return;
  const body = new Blob([JSON.stringify({ strips: fresh })], { type: "application/json" });
  navigator.sendBeacon(address, body);
  for (const strip of fresh) [strip.seen, strip.clicked] = [[], []];
}

function start(address) {
  watch();
  new MutationObserver(watch).observe(document.querySelector("main"), { childList: true, subtree: true });
  document.addEventListener("click", follow);
  document.addEventListener("auxclick", follow);
  // Phones end background pages without another event. Safari does not hide a page when the shopper navigates away.
  document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && report(address));
  addEventListener("pagehide", () => report(address));
}

// Browsers that ask for privacy are not counted.
const isAskedNotTo = navigator.globalPrivacyControl || navigator.doNotTrack === "1";
const script = document.querySelector("script[data-report-to]");
if (script && !isAskedNotTo) start(script.dataset.reportTo);
