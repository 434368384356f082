// The pictures on the whole screen: enlarged by click, button, key or two fingers, and moved by dragging or arrow keys.

const MOST = 4; // times the size at which the picture fits
const STEP = 1.6;
const PAN = 80; // pixels by which an arrow key moves an enlarged picture
const SWIPE = 50; // pixels
const STILL = 6; // pixels that a finger moves during a tap

/** `pictures` lists links to pictures; `turn(by)` and `go(place)` change the current one, and `place()` names it. */
export function zoomed(dialog, { pictures, place, turn, go, label }) {
  const stage = dialog.querySelector("[data-zoom-stage]");
  const button = (name) => dialog.querySelector(`[data-zoom-do="${name}"]`);
  const fingers = new Map(); // pointer id → where it is
  let image = null;
  let scale = 1;
  let [x, y] = [0, 0]; // where the picture's centre is, from the stage's
  let start = null; // of a gesture

  function draw() {
    const [w, h] = [stage.clientWidth * (scale - 1) / 2, stage.clientHeight * (scale - 1) / 2];
    x = Math.max(-w, Math.min(w, x));
    y = Math.max(-h, Math.min(h, y));
    image.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
    stage.classList.toggle("zoom__stage--zoomed", scale > 1);
    if (button("larger")) button("larger").disabled = scale >= MOST;
    if (button("smaller")) button("smaller").disabled = scale <= 1;
  }

  // The point of the picture below (px, py), measured from the stage's centre, stays where it is.
  function zoom(to, px = 0, py = 0) {
    const next = Math.max(1, Math.min(MOST, to));
    [x, y] = [px - (px - x) * (next / scale), py - (py - y) * (next / scale)];
    scale = next;
    draw();
  }

  function show() {
    const link = pictures[place()];
    const picture = document.createElement("picture");
    for (const source of link.querySelectorAll("source")) {
      const copy = source.cloneNode();
      copy.sizes = "10000px"; // the largest rendition
      picture.append(copy);
    }
    image = Object.assign(new Image(), { src: link.href, alt: link.dataset.alt ?? link.querySelector("img").alt, draggable: false });
    picture.append(image);
    stage.replaceChildren(picture);
    dialog.querySelector("[data-zoom-status]").textContent = label();
    [scale, x, y] = [1, 0, 0];
    draw();
  }

  const actions = {
    previous: () => turn(-1),
    next: () => turn(1),
    larger: () => zoom(scale * STEP),
    smaller: () => zoom(scale / STEP),
    close: () => dialog.close(),
  };
  const shift = (dx, dy) => {
    [x, y] = [x + dx, y + dy];
    draw();
  };

  dialog.addEventListener("click", (event) => {
    const name = event.target.closest("[data-zoom-do]")?.dataset.zoomDo;
    if (!name) return;
    actions[name]();
    if (!["previous", "next"].includes(name)) return;
    show();
  });

  dialog.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const forward = getComputedStyle(dialog).direction === "rtl" ? -1 : 1;
    const turned = (act) => () => (act(), show());
    const keys = {
      "+": actions.larger,
      "=": actions.larger,
      "-": actions.smaller,
      0: () => zoom(1),
      Home: turned(() => go(0)),
      End: turned(() => go(pictures.length - 1)),
      ...(scale > 1
        ? { ArrowLeft: () => shift(PAN, 0), ArrowRight: () => shift(-PAN, 0), ArrowUp: () => shift(0, PAN), ArrowDown: () => shift(0, -PAN) }
        : { ArrowLeft: turned(() => turn(-forward)), ArrowRight: turned(() => turn(forward)) }),
    };
    if (!(event.key in keys)) return;
    event.preventDefault();
    event.stopPropagation(); // the page's gallery has keys of its own
    keys[event.key]();
  });

  const spread = () => {
    const [a, b] = [...fingers.values()];
    return Math.hypot(a.x - b.x, a.y - b.y);
  };
  const fromCentre = (px, py) => {
    const box = stage.getBoundingClientRect();
    return [px - box.left - box.width / 2, py - box.top - box.height / 2];
  };
  const middle = () => {
    const [a, b] = [...fingers.values()];
    return fromCentre((a.x + b.x) / 2, (a.y + b.y) / 2);
  };
  const begin = () => {
    const [first] = fingers.values();
    const two = fingers.size > 1 ? { spread: spread(), middle: middle(), pinched: true } : { pinched: start?.pinched };
    start = { ...first, left: x, top: y, scale, ...two };
  };
  // The point of the picture that was between the fingers stays there: they move the picture as well.
  const pinch = () => {
    const [[px, py], [sx, sy]] = [middle(), start.middle];
    scale = Math.max(1, Math.min(MOST, start.scale * (spread() / start.spread)));
    const by = scale / start.scale;
    [x, y] = [px - (sx - start.left) * by, py - (sy - start.top) * by];
    draw();
  };

  stage.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    stage.setPointerCapture(event.pointerId);
    if (!fingers.size) start = null;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    begin();
  });
  stage.addEventListener("pointermove", (event) => {
    if (!fingers.has(event.pointerId)) return;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (fingers.size > 1) pinch();
    else if (scale > 1) {
      [x, y] = [start.left + event.clientX - start.x, start.top + event.clientY - start.y];
      draw();
    }
  });
  stage.addEventListener("pointerup", (event) => {
    if (!fingers.delete(event.pointerId)) return;
    if (fingers.size) return begin();
    const [dx, dy] = [event.clientX - start.x, event.clientY - start.y];
    if (start.pinched) return;
    if (Math.hypot(dx, dy) <= STILL) zoom(scale > 1 ? 1 : STEP * STEP, ...fromCentre(event.clientX, event.clientY));
    else if (scale === 1 && isSwipe(dx, dy)) {
      turn(direction(dx, dialog));
      show();
    }
  });
  stage.addEventListener("pointercancel", (event) => fingers.delete(event.pointerId));

  return () => {
    dialog.showModal();
    show();
  };
}

export const isSwipe = (dx, dy) => Math.abs(dx) >= SWIPE && Math.abs(dx) > 2 * Math.abs(dy);

/** By how many pictures a swipe turns: towards the start of a line shows the next one. */
export const direction = (dx, element) => (getComputedStyle(element).direction === "rtl" ? Math.sign(dx) : -Math.sign(dx));
