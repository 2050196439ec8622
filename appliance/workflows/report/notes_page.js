"use strict";
(() => {
  const IDLE_MS = 120000;
  const NONCE_BYTES = 12;
  const byId = (id) => document.getElementById(id);
  const { review, digest } = JSON.parse(byId("queue").textContent);
  const storeKey = `appliance-review-${digest}`;
  // Offsets, labels and seconds only: no word of a note is kept outside of this page's memory.
  const state = restore();
  let key, items, labels, at = 0, since = 0, last = 0;

  function restore() {
    try {
      return new Map(Object.entries(JSON.parse(localStorage.getItem(storeKey)) || {}));
    } catch {
      return new Map();
    }
  }
  // Storage may be closed to a page opened from a file; the decisions then live until it is left.
  function keep() {
    try {
      localStorage.setItem(storeKey, JSON.stringify(Object.fromEntries(state)));
    } catch {
      /* see above */
    }
  }

  const fromBase64 = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  function toBase64(bytes) {
    let letters = "";
    for (const byte of bytes) letters += String.fromCharCode(byte);
    return btoa(letters);
  }
  const bound = (use) => new TextEncoder().encode(`appliance review ${use} v1 ${digest}`);

  async function unlock(typed) {
    const raw = fromBase64(typed.trim().replaceAll("-", "+").replaceAll("_", "/"));
    key = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);
    const sealed = fromBase64(byId("sealed").textContent.trim());
    const open = { name: "AES-GCM", iv: sealed.slice(0, NONCE_BYTES), additionalData: bound("page") };
    const plain = await crypto.subtle.decrypt(open, key, sealed.slice(NONCE_BYTES));
    ({ items, labels } = JSON.parse(new TextDecoder().decode(plain)));
  }

  async function save() {
    const decided = {};
    for (const [id, one] of state) {
      if (one.done) decided[id] = { spans: one.spans, seconds: one.seconds, at: one.at };
    }
    const iv = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
    const content = new TextEncoder().encode(JSON.stringify({ items: decided }));
    const close = { name: "AES-GCM", iv, additionalData: bound("decisions") };
    const body = new Uint8Array(await crypto.subtle.encrypt(close, key, content));
    const whole = new Uint8Array(iv.length + body.length);
    whole.set(iv);
    whole.set(body, iv.length);
    const file = JSON.stringify({ review, digest, sealed: toBase64(whole) });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([file], { type: "application/json" }));
    link.download = `${review}-decisions.json`;
    link.click();
    URL.revokeObjectURL(link.href);
  }

  // Marks that were changed, and not confirmed by Done: they count for nothing yet.
  const isPending = ({ id, spans }) => {
    const one = state.get(id);
    return Boolean(one) && !one.done && (one.at !== "" || String(one.spans) !== String(spans));
  };

  const own = () => {
    const { id, spans } = items[at];
    if (!state.has(id)) state.set(id, { spans, seconds: 0, at: "", done: false });
    return state.get(id);
  };

  // Time counts while somebody is at the page: not while it is hidden, nor long after the last touch.
  function count() {
    const now = performance.now();
    if (items && since) own().seconds += Math.max(0, Math.min(now, last + IDLE_MS) - since) / 1000;
    since = document.hidden ? 0 : now;
    last = now;
  }

  function draw() {
    const { before, text, after } = items[at];
    const letters = Array.from(text);
    const place = byId("text");
    place.replaceChildren(around(before));
    let from = 0;
    const found = new Set(items[at].spans.map(String));
    for (const span of own().spans) {
      const [start, end, label] = span;
      place.append(letters.slice(from, start).join(""));
      const mark = document.createElement("mark");
      mark.textContent = letters.slice(start, end).join("");
      mark.dataset.label = label;
      mark.title = "Click to take this mark away";
      mark.classList.toggle("mine", !found.has(String(span)));
      mark.addEventListener("click", () => change(own().spans.filter((one) => one !== span)));
      place.append(mark);
      from = end;
    }
    place.append(letters.slice(from).join(""), around(after));
    const done = [...state.values()].filter((one) => one.done).length;
    const here = own().done ? ", this one too" : "";
    byId("counts").textContent = `${at + 1} of ${items.length}; ${done} done${here}`;
    const pending = items.filter(isPending).length;
    const which = isPending(items[at]) ? ", this one too" : "";
    byId("pending").textContent = pending ? `${pending} changed and not done${which}: press Done, or it does not count.` : "";
  }

  function around(text) {
    const grey = document.createElement("span");
    grey.className = "around";
    grey.textContent = text;
    return grey;
  }

  function change(spans) {
    count();
    const one = own();
    one.spans = [...spans].sort((a, b) => a[0] - b[0]);
    one.done = false;
    keep();
    draw();
  }

  // A string's own offsets are units of UTF-16; ours are code points.
  function marked() {
    const selection = getSelection();
    if (!selection.rangeCount || selection.isCollapsed) return null;
    const range = selection.getRangeAt(0);
    const place = byId("text");
    if (!place.contains(range.commonAncestorContainer)) return null;
    const head = document.createRange();
    head.selectNodeContents(place);
    head.setEnd(range.startContainer, range.startOffset);
    const { before, text } = items[at];
    const length = Array.from(text).length;
    let start = Array.from(head.toString()).length - Array.from(before).length;
    let words = Array.from(range.toString());
    if (start < 0) { words = words.slice(-start); start = 0; }
    words = words.slice(0, Math.max(0, length - start));
    while (words.length && !words[0].trim()) { words.shift(); start += 1; }
    while (words.length && !words.at(-1).trim()) words.pop();
    return words.length ? [start, start + words.length] : null;
  }

  function add(label) {
    const place = marked();
    if (!place) return;
    const [start, end] = place;
    const apart = own().spans.filter((one) => one[1] <= start || end <= one[0]);
    getSelection().removeAllRanges();
    change([...apart, [start, end, label]]);
  }

  function go(to) {
    count();
    at = Math.max(0, Math.min(items.length - 1, to));
    keep();
    draw();
    scrollTo(0, 0);
    byId("text").focus();
  }

  function done() {
    count();
    Object.assign(own(), { done: true, at: new Date().toISOString() });
    const open = items.findIndex((item, index) => index > at && !(state.get(item.id) || {}).done);
    go(open < 0 ? at : open);
  }

  function begin() {
    byId("unlock").hidden = true;
    byId("desk").hidden = false;
    labels.forEach((label, index) => {
      const one = document.createElement("button");
      one.type = "button";
      one.textContent = index < 9 ? `${index + 1} ${label}` : label;
      // Before the click takes the selection away.
      one.addEventListener("mousedown", (event) => event.preventDefault());
      one.addEventListener("click", () => add(label));
      byId("labels").append(one);
    });
    last = performance.now();
    const open = items.findIndex((item) => !(state.get(item.id) || {}).done);
    go(open < 0 ? 0 : open);
  }

  byId("unlock").addEventListener("submit", async (event) => {
    event.preventDefault();
    const typed = byId("key").value;
    byId("key").value = "";
    if (!crypto.subtle) {
      byId("counts").textContent = "Open this page from a file, or over https.";
      return;
    }
    try {
      await unlock(typed);
    } catch {
      byId("counts").textContent = "That key does not open this page.";
      return;
    }
    begin();
  });
  byId("done").addEventListener("click", done);
  byId("back").addEventListener("click", () => go(at - 1));
  byId("next").addEventListener("click", () => go(at + 1));
  byId("again").addEventListener("click", () => change(items[at].spans));
  // What is not done is in no file: the first of it is shown, so that nobody takes it for saved.
  byId("save").addEventListener("click", async () => {
    count();
    keep();
    await save();
    const first = items.findIndex(isPending);
    if (first >= 0) go(first);
  });
  for (const kind of ["pointermove", "keydown", "scroll"]) {
    document.addEventListener(kind, () => { if (items && performance.now() - last > 1000) count(); });
  }
  document.addEventListener("visibilitychange", () => { if (items) { count(); keep(); } });
  document.addEventListener("keydown", (event) => {
    if (!items || event.repeat || event.target.matches("input, button") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter") done();
    else if (event.key === "b") go(at - 1);
    else if (event.key === "n") go(at + 1);
    else if (event.key === "u") change(items[at].spans);
    else if (/^[1-9]$/.test(event.key) && labels[event.key - 1]) add(labels[event.key - 1]);
    else return;
    event.preventDefault();
  });
})();
