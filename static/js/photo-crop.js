// A box on the chosen photo: the part to search with. It is moved and resized by dragging, by taps (a corner, then where
// it goes), by keyboard or by buttons, and reports its place when it has been still for a moment.

const SETTLE = 400; // ms
const STEP = 0.05; // of the photo's sides
const LEAST = 0.1;
const SLOP = 6; // px that a finger moves while it taps
const WHOLE = { x: 0, y: 0, width: 1, height: 1 };
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const MOVES = { left: [-1, 0], right: [1, 0], up: [0, -1], down: [0, 1] };

const within = (value, low, high) => Math.min(Math.max(value, low), high);

// `settled` receives the box as fractions of the photo, {x, y, width, height}.
export function cropper(root, settled) {
  const find = (name) => root.querySelector(`[data-crop-${name}]`);
  const [stage, picture, box, hint] = ["stage", "picture", "box", "hint"].map(find);
  const corners = [...root.querySelectorAll("[data-crop-corner]")];
  let place = WHOLE;
  let tapped = ""; // the corner that the next tap places
  let timer = 0;
  // A rule of its own: htmx copies elements as text, and the policy refuses `style` attributes in text.
  const sheet = new CSSStyleSheet();
  sheet.insertRule("[data-crop-box] {}");
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  const { style } = sheet.cssRules[0];

  function show() {
    const sides = { left: place.x, top: place.y, width: place.width, height: place.height };
    for (const [side, value] of Object.entries(sides)) style.setProperty(side, `${value * 100}%`);
  }

  function set(next, wait = SETTLE) {
    const width = within(next.width, LEAST, 1);
    const height = within(next.height, LEAST, 1);
    place = { x: within(next.x, 0, 1 - width), y: within(next.y, 0, 1 - height), width, height };
    show();
    clearTimeout(timer);
    timer = setTimeout(() => settled(place), wait);
  }

  // Each edge that `corner` names follows the pointer; the opposite one stays.
  function resize(from, corner, dx, dy) {
    const right = from.x + from.width;
    const bottom = from.y + from.height;
    const left = corner.includes("w") ? within(from.x + dx, 0, right - LEAST) : from.x;
    const top = corner.includes("n") ? within(from.y + dy, 0, bottom - LEAST) : from.y;
    const end = corner.includes("e") ? within(right + dx, left + LEAST, 1) : right;
    const foot = corner.includes("s") ? within(bottom + dy, top + LEAST, 1) : bottom;
    set({ x: left, y: top, width: end - left, height: foot - top });
  }

  function grow(by) {
    const { x, y, width, height } = place;
    set({ x: x - by, y: y - by, width: width + 2 * by, height: height + 2 * by });
  }

  function choose(corner) {
    tapped = corner;
    for (const each of corners) each.classList.toggle("is-chosen", each.dataset.cropCorner === corner);
    hint.textContent = corner ? hint.dataset.say : "";
  }

  function tap({ clientX, clientY }, corner) {
    if (corner || !tapped) return choose(corner === tapped ? "" : corner);
    const frame = stage.getBoundingClientRect();
    const x = place.x + (tapped.includes("e") ? place.width : 0);
    const y = place.y + (tapped.includes("s") ? place.height : 0);
    resize(place, tapped, (clientX - frame.left) / frame.width - x, (clientY - frame.top) / frame.height - y);
    choose("");
  }

  stage.addEventListener("pointerdown", (event) => {
    const corner = event.target.dataset.cropCorner ?? "";
    const [from, frame] = [place, stage.getBoundingClientRect()];
    const isOnBox = box.contains(event.target);
    const controller = new AbortController();
    const { signal } = controller;
    let isDrag = false;
    const moved = (next) => {
      const [x, y] = [next.clientX - event.clientX, next.clientY - event.clientY];
      isDrag ||= Math.hypot(x, y) > SLOP;
      if (!isDrag || !isOnBox) return;
      const [dx, dy] = [x / frame.width, y / frame.height];
      if (corner) resize(from, corner, dx, dy);
      else set({ ...from, x: from.x + dx, y: from.y + dy });
    };
    const ended = (last) => {
      controller.abort();
      if (isDrag) choose("");
      else if (last.type === "pointerup") tap(last, corner);
    };
    stage.setPointerCapture(event.pointerId);
    stage.addEventListener("pointermove", moved, { signal });
    for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, ended, { signal });
  });

  // Or else the browser drags a picture of what is under the pointer, and cancels the pointer.
  stage.addEventListener("dragstart", (event) => event.preventDefault());

  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape") choose("");
    const arrow = ARROWS[event.key];
    if (!arrow) return;
    event.preventDefault();
    const [dx, dy] = arrow.map((steps) => steps * STEP);
    if (event.shiftKey) resize(place, "se", dx, dy);
    else set({ ...place, x: place.x + dx, y: place.y + dy });
  });

  for (const button of root.querySelectorAll("[data-crop-do]")) {
    const what = button.dataset.cropDo;
    button.addEventListener("click", () => {
      if (what === "whole") set(WHOLE);
      else if (what === "larger") grow(STEP);
      else if (what === "smaller") grow(-STEP);
      else set({ ...place, x: place.x + MOVES[what][0] * STEP, y: place.y + MOVES[what][1] * STEP });
    });
  }

  return {
    // Show another photo, without a box yet; null hides it.
    open(file) {
      clearTimeout(timer);
      if (picture.src) URL.revokeObjectURL(picture.src);
      root.hidden = !file;
      if (!file) return picture.removeAttribute("src");
      place = WHOLE;
      choose("");
      show();
      picture.src = URL.createObjectURL(file);
    },
  };
}
