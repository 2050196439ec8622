"use strict";
// Draws what is live on the page again every few seconds; without it the page does so by itself.
const everyMs = 3000;

async function renew() {
  const live = document.querySelector("[data-live]");
  if (!live || document.hidden) return;
  try {
    // Marked, so that a page that nobody looks at does not keep its session alive.
    const answer = await fetch("?live=1", { credentials: "same-origin", cache: "no-store" });
    // The session is over.
    if (answer.redirected) return location.reload();
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("[data-live]");
    if (fresh && fresh.innerHTML !== live.innerHTML) live.replaceChildren(...fresh.childNodes);
  } catch {
    // The server is being started again: the next try finds it.
  }
}

setInterval(renew, everyMs);
