"use strict";
// Finds the sections that have every word of the query. Words in headings count more than words in the text.
const query = document.getElementById("query");
const results = document.getElementById("results");
const root = document.body.dataset.root;

function find(words) {
  const found = [];
  for (const page of window.searchIndex) {
    for (const s of page.sections) {
      const title = page.title.toLowerCase(), heading = s.heading.toLowerCase(), text = s.text.toLowerCase();
      let score = 0;
      for (const w of words) {
        const points = (title.includes(w) ? 4 : 0) + (heading.includes(w) ? 8 : 0) + (text.includes(w) ? 1 : 0);
        if (points === 0) { score = 0; break; }
        score += points;
      }
      if (score > 0) found.push({ page, s, score });
    }
  }
  return found.sort((a, b) => b.score - a.score).slice(0, 20);
}

function excerpt(text, word) {
  const at = text.toLowerCase().indexOf(word);
  const from = Math.max(0, at - 60);
  return (from > 0 ? "…" : "") + text.slice(from, from + 180) + (from + 180 < text.length ? "…" : "");
}

function show() {
  const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
  results.hidden = words.length === 0;
  const found = words.length === 0 ? [] : find(words);
  results.replaceChildren(...found.map(({ page, s }) => {
    const item = document.createElement("li"), a = document.createElement("a"), p = document.createElement("p");
    a.href = root + page.path + (s.id ? "#" + s.id : "");
    a.textContent = page.title === s.heading ? page.title : page.title + ": " + s.heading;
    p.textContent = excerpt(s.text, words[0]);
    item.append(a, p);
    return item;
  }));
  if (words.length > 0 && found.length === 0) {
    const item = document.createElement("li");
    item.textContent = "nothing found";
    results.append(item);
  }
}

query.addEventListener("input", show);
document.addEventListener("keydown", (e) => {
  if (e.key === "/" && document.activeElement !== query) { e.preventDefault(); query.focus(); }
  if (e.key === "Escape") { query.value = ""; show(); }
});
