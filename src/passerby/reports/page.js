"use strict";
// The queries, worst first: {id, text, told, failed, margin, hits: [[photo, score, right], ...]},
// margin null where the gallery has no right photo, as then nothing can fail.
// photos: [id, person], the places of which name the classes that hold the thumbnails.
const { photos, queries } = JSON.parse(document.getElementById("data").textContent);
const [row, list, more, form] = ["row", "queries", "more", "form"].map((id) =>
  document.getElementById(id));
const STEP = 30; // rows that are made at once, as one scrolls
const numbers = new Intl.Collator("en", { numeric: true });
const orders = {
  worst: () => 0,
  best: (a, b) => none(a) - none(b) || b.place - a.place,
  id: (a, b) => numbers.compare(a.id, b.id),
  margin: (a, b) => none(a) - none(b) || a.margin - b.margin,
};
const none = (query) => query.margin === null;
let chosen = [];
let shown = 0;

queries.forEach((query, place) => {
  query.place = place;
  query.words = `${query.text} ${query.told}`.toLowerCase();
});

function section(query) {
  const made = row.content.firstElementChild.cloneNode(true);
  made.classList.toggle("failed", query.failed);
  made.querySelector("h2").textContent = query.text;
  made.querySelector("p").textContent = query.told;
  const hits = made.querySelector("ol");
  const pattern = hits.firstElementChild;
  hits.replaceChildren(...query.hits.map((hit, place) => item(pattern, hit, place + 1)));
  return made;
}

function item(pattern, [photo, score, right], rank) {
  const made = pattern.cloneNode(true);
  const [name, person] = photos[photo];
  made.className = right ? "right" : "";
  made.title = name;
  const picture = made.querySelector("i");
  picture.className = `p${photo}`;
  picture.setAttribute("aria-label", `rank ${rank}, ${right ? "right" : "wrong"}`);
  made.querySelector("b").textContent = `${rank} ${right ? "✓" : "✗"} ${score}`;
  const [whose, which] = made.querySelectorAll("span");
  whose.textContent = person;
  which.textContent = name;
  return made;
}

function grow() {
  list.append(...chosen.slice(shown, shown + STEP).map(section));
  shown = Math.min(shown + STEP, chosen.length);
  scrolled.unobserve(more); // so that it is told again if the end is still near
  if (shown < chosen.length) scrolled.observe(more);
}

function choose() {
  const words = form.words.value.toLowerCase().split(/\s+/);
  chosen = queries
    .filter((query) => !(form.only.checked && !query.failed))
    .filter((query) => words.every((word) => query.words.includes(word)))
    .sort(orders[form.order.value]);
  form.count.value = `${chosen.length} of ${queries.length}`;
  shown = 0;
  list.replaceChildren();
  grow();
}

const scrolled = new IntersectionObserver(
  (seen) => { if (seen.some((each) => each.isIntersecting)) grow(); },
  { rootMargin: "1500px" },
);
form.hidden = false;
form.addEventListener("input", choose);
form.addEventListener("submit", (event) => event.preventDefault());
choose();
