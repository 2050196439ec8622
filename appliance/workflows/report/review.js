
"use strict";
(() => {
  const PAGE = 100;
  const { corpus, digest, examples } = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const key = `appliance-review-${digest}`;
  const decisions = restore();
  let shown = PAGE;

  // Storage may be closed to a page opened from a file; the decisions then live until it is left.
  function restore() {
    try {
      const kept = JSON.parse(localStorage.getItem(key)) || {};
      return new Map(Object.entries(kept));
    } catch {
      return new Map();
    }
  }
  function keep() {
    try {
      localStorage.setItem(key, JSON.stringify(Object.fromEntries(decisions)));
    } catch {
      /* see restore */
    }
  }

  function fill(select, values) {
    for (const value of [...values].sort()) select.add(new Option(value, value));
  }

  // Offsets are code points; a string's own are units of UTF-16.
  function paint(example, place) {
    const letters = Array.from(example.text);
    let at = 0;
    for (const [start, end, label] of example.spans) {
      place.append(letters.slice(at, start).join(""));
      const mark = document.createElement("mark");
      const small = document.createElement("small");
      small.textContent = label;
      mark.append(letters.slice(start, end).join(""), small);
      place.append(mark);
      at = end;
    }
    place.append(letters.slice(at).join(""));
  }

  function relations(example) {
    const letters = Array.from(example.text);
    const surface = (index) => letters.slice(...example.spans[index].slice(0, 2)).join("");
    return example.relations.map(([head, tail, label]) => ` · ${surface(head)} → ${label} → ${surface(tail)}`).join("");
  }

  function button(text, word, example) {
    const one = document.createElement("button");
    one.type = "button";
    one.textContent = text;
    one.dataset.word = word;
    one.addEventListener("click", () => decide(example.id, word));
    return one;
  }

  function card(example) {
    const article = document.createElement("article");
    article.id = example.id;
    article.tabIndex = 0;
    const text = document.createElement("p");
    text.className = "text";
    paint(example, text);
    const buttons = document.createElement("div");
    buttons.className = "buttons";
    buttons.append(button("Accept", "accept", example), " ", button("Reject", "reject", example));
    const facts = document.createElement("p");
    facts.className = "muted";
    facts.textContent = `${example.origin}, ${example.split}, weight ${example.weight}${relations(example)}`;
    article.append(text, buttons, facts);
    dress(article, example.id);
    return article;
  }

  function dress(article, id) {
    const word = decisions.get(id) || "";
    article.classList.toggle("accept", word === "accept");
    article.classList.toggle("reject", word === "reject");
    for (const one of article.querySelectorAll("button")) {
      one.setAttribute("aria-pressed", String(one.dataset.word === word));
    }
  }

  function decide(id, word) {
    if (!word || decisions.get(id) === word) decisions.delete(id);
    else decisions.set(id, word);
    keep();
    const article = byId(id);
    if (article) dress(article, id);
    count();
  }

  function wanted(example) {
    const words = byId("words").value.toLocaleLowerCase();
    const label = byId("label").value;
    const origin = byId("origin").value;
    const decision = byId("decision").value;
    const word = decisions.get(example.id) || "open";
    return (!words || example.text.toLocaleLowerCase().includes(words))
      && (!label || (label === "-" ? !example.spans.length : example.spans.some((span) => span[2] === label)))
      && (!origin || example.origin === origin)
      && (!decision || word === decision);
  }

  function count(matching) {
    const words = [...decisions.values()];
    const accepted = words.filter((word) => word === "accept").length;
    const found = matching === undefined ? examples.filter(wanted).length : matching;
    byId("counts").textContent = `${found} match; ${accepted} accepted, ${words.length - accepted} rejected, ${examples.length - words.length} open`;
  }

  function draw() {
    const matching = examples.filter(wanted);
    byId("list").replaceChildren(...matching.slice(0, shown).map(card));
    byId("more").hidden = matching.length <= shown;
    count(matching.length);
  }

  function step(by) {
    const cards = [...byId("list").children];
    const next = cards[cards.indexOf(document.activeElement) + by];
    if (next) next.focus();
  }

  function save() {
    const document_ = { corpus, digest, decisions: Object.fromEntries(decisions) };
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(document_, null, 1)], { type: "application/json" }));
    link.download = `${corpus}-decisions.json`;
    link.click();
    URL.revokeObjectURL(link.href);
  }

  fill(byId("label"), new Set(examples.flatMap((example) => example.spans.map((span) => span[2]))));
  fill(byId("origin"), new Set(examples.map((example) => example.origin)));
  for (const kind of ["input", "change"]) {
    byId("filters").addEventListener(kind, () => { shown = PAGE; draw(); });
  }
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("more").addEventListener("click", () => { shown += PAGE; draw(); });
  byId("save").addEventListener("click", save);
  document.addEventListener("keydown", (event) => {
    if (event.target.matches("input, select") || event.ctrlKey || event.metaKey || event.altKey) return;
    const here = document.activeElement.closest && document.activeElement.closest("article");
    if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    else if (here && event.key === "a") decide(here.id, "accept");
    else if (here && event.key === "r") decide(here.id, "reject");
    else if (here && event.key === "u") decide(here.id, "");
  });
  draw();
})();
