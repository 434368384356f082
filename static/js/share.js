// Links with `data-share` are shared with the system's menu where there is one, and copied elsewhere. Without this script
// they are plain links. Those that make no sense as such are hidden until it runs.

const status = document.querySelector("#list-status");
const copied = document.querySelector("#list-tools").dataset.copied;

async function share(link) {
  try {
    if (navigator.share) return await navigator.share({ title: link.dataset.title ?? document.title, url: link.href });
    await navigator.clipboard.writeText(link.href);
  } catch (error) {
    if (error.name === "AbortError") return; // the shopper closed the menu
    location.assign(link.href); // from the address bar it can be copied by hand
    return;
  }
  status.textContent = copied;
  const words = link.textContent;
  link.textContent = copied;
  setTimeout(() => (link.textContent = words), 2000);
}

for (const link of document.querySelectorAll("[data-share]")) {
  if (!navigator.share && !navigator.clipboard) continue; // as on pages without TLS
  link.hidden = false;
  link.addEventListener("click", (event) => {
    event.preventDefault();
    share(link);
  });
}
