"use strict";
// Filters, sorts and pages the list of findings. Without it, the page shows all of them.
(() => {
  const form = document.querySelector(".controls");
  if (!form) return;
  const ROWS = 50;
  const list = document.querySelector(".findings");
  const status = document.getElementById("shown");
  const pages = document.querySelector(".pages");
  const place = document.getElementById("place");
  const heading = document.querySelector("#findings h2");
  const names = ["q", "severity", "case", "technique", "sort"];
  const rows = Array.from(list.children, (row, number) => ({
    row, number, data: row.dataset, techniques: (row.dataset.techniques || "").split(" "), text: null,
  }));
  const text = (entry) => {
    if (entry.text === null) {
      const parts = entry.row.querySelectorAll("summary, dl");
      entry.text = Array.from(parts, (part) => part.textContent).join("\n").toLowerCase();
    }
    return entry.text;
  };
  const number = (value, other) => value === undefined ? other : Number(value);
  const orders = {
    score: () => 0,
    last: (a, b) => number(b.data.last, -Infinity) - number(a.data.last, -Infinity),
    first: (a, b) => number(a.data.first, Infinity) - number(b.data.first, Infinity),
    documents: (a, b) => number(b.data.documents, 0) - number(a.data.documents, 0),
    case: (a, b) => a.data.case < b.data.case ? -1 : Number(a.data.case > b.data.case),
  };
  let page = 0;
  let found = rows;

  const show = () => {
    const n_pages = Math.max(1, Math.ceil(found.length / ROWS));
    page = Math.min(page, n_pages - 1);
    found.forEach((entry, idx) => entry.row.classList.toggle("later", Math.floor(idx / ROWS) !== page));
    const all = rows.length.toLocaleString("en");
    const some = found.length.toLocaleString("en");
    status.textContent = found.length === rows.length ? `${all} findings` : `${some} of ${all} findings`;
    place.textContent = `Page ${page + 1} of ${n_pages}`;
    pages.hidden = n_pages === 1;
    pages.querySelector("[name=back]").disabled = page === 0;
    pages.querySelector("[name=next]").disabled = page === n_pages - 1;
  };
  const apply = () => {
    const value = (name) => form.elements[name].value;
    const words = value("q").toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (entry) =>
      (!value("severity") || entry.data.severity === value("severity")) &&
      (!value("case") || entry.data.case === value("case")) &&
      (!value("technique") || entry.techniques.includes(value("technique"))) &&
      words.every((word) => text(entry).includes(word));
    found = rows.filter((entry) => {
      entry.row.hidden = !fits(entry);
      return !entry.row.hidden;
    });
    // equal rows keep the order of scores
    const order = orders[value("sort")] || orders.score;
    found.sort((a, b) => order(a, b) || a.number - b.number);
    list.append(...found.map((entry) => entry.row));
    show();
  };
  const remember = () => {
    const wanted = new URLSearchParams();
    for (const name of names) {
      const value = form.elements[name].value;
      if (value && value !== "score") wanted.set(name, value);
    }
    if (page > 0) wanted.set("page", String(page + 1));
    history.replaceState(null, "", wanted.size ? `#${wanted}` : "#findings");
  };
  // links within the page name what they want to see: #technique=T1059
  const follow = () => {
    if (!location.hash.includes("=")) return false;
    const wanted = new URLSearchParams(location.hash.slice(1));
    form.reset();
    for (const name of names) {
      if (wanted.has(name)) form.elements[name].value = wanted.get(name);
    }
    page = Math.max(0, (Number(wanted.get("page")) || 1) - 1);
    return true;
  };

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => { page = 0; apply(); remember(); });
  // the form has its old values until the event is over
  form.addEventListener("reset", () => setTimeout(() => { page = 0; apply(); remember(); }));
  const turn = (by) => {
    page += by;
    show();
    remember();
    heading.focus();
  };
  pages.querySelector("[name=back]").addEventListener("click", () => turn(-1));
  pages.querySelector("[name=next]").addEventListener("click", () => turn(1));
  addEventListener("hashchange", () => {
    if (follow()) {
      apply();
      heading.focus();
    }
  });
  form.hidden = false;
  follow();
  apply();
})();
