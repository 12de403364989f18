"use strict";
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // Sorting: numbers by their first number, words in natural order, what is missing last.
  const order = new Intl.Collator("en", { numeric: true });
  const number = /^[+\u2212-]?(\d|\.\d)/;
  const missing = new Set(["", "-", "undef.", "undefined", "exact"]);

  const value = (text) => (text === "infinite" ? Infinity : parseFloat(text));

  const comparison = (texts) => {
    const present = texts.filter((text) => !missing.has(text));
    const numeric = present.every((text) => number.test(text) || text === "infinite");
    return numeric ? (a, b) => value(a) - value(b) : (a, b) => order.compare(a, b);
  };

  const sort = (table, column, descending) => {
    const body = table.tBodies[0];
    const keyed = [...body.rows].map((row) => [row.cells[column].textContent.trim(), row]);
    const compare = comparison(keyed.map(([text]) => text));
    const sign = descending ? -1 : 1;
    keyed.sort(([a], [b]) => {
      const gaps = missing.has(a) - missing.has(b);
      return gaps || (missing.has(a) ? 0 : sign * compare(a, b));
    });
    body.append(...keyed.map(([, row]) => row));
  };

  for (const table of all("div.table table")) {
    const heads = all("thead th", table);
    heads.forEach((head, column) => {
      head.querySelector("button").addEventListener("click", () => {
        const descending = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.setAttribute("aria-sort", "none"));
        head.setAttribute("aria-sort", descending ? "descending" : "ascending");
        sort(table, column, descending);
      });
    });
  }

  // Filtering: a line stays if each word occurs in it.
  const FEW = 8;
  for (const frame of all("div.table")) {
    const table = frame.querySelector("table");
    if (!table || table.tBodies[0].rows.length < FEW) continue;
    const rows = [...table.tBodies[0].rows];
    const label = document.createElement("label");
    const input = document.createElement("input");
    const count = document.createElement("output");
    label.className = "filter";
    input.type = "search";
    input.placeholder = "Filter lines";
    input.setAttribute("aria-label", "Filter the lines of this table");
    count.textContent = `${rows.length} lines`;
    label.append(input, count);
    frame.querySelector(".scroll").before(label);
    const texts = rows.map((row) => row.textContent.toLowerCase());
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/);
      let shown = 0;
      rows.forEach((row, k) => {
        row.hidden = !words.every((word) => texts[k].includes(word));
        shown += !row.hidden;
      });
      count.textContent = shown === rows.length ? `${shown} lines` : `${shown} of ${rows.length} lines`;
    });
  }

  // Tips: what a term or a column means, beside it, inside the window.
  const tip = document.getElementById("tip");
  let explained = null;
  const move = () => {
    if (!explained) return;
    const place = explained.getBoundingClientRect();
    const left = Math.min(place.left, document.documentElement.clientWidth - tip.offsetWidth - 8);
    const below = place.bottom + 6;
    const fits = below + tip.offsetHeight < window.innerHeight;
    tip.style.left = `${Math.max(8, left)}px`;
    tip.style.top = `${fits ? below : place.top - tip.offsetHeight - 6}px`;
  };
  const explain = (element) => {
    explained?.removeAttribute("aria-describedby");
    explained = element;
    tip.hidden = !element;
    if (!element) return;
    tip.textContent = element.dataset.tip;
    element.setAttribute("aria-describedby", "tip");
    move();
  };
  const show = (event) => explain(event.target.closest?.("[data-tip]") ?? null);
  document.addEventListener("mouseover", show);
  document.addEventListener("focusin", show);
  document.addEventListener("focusout", () => explain(null));
  document.addEventListener("scroll", move, { passive: true, capture: true });
  document.addEventListener("keydown", (event) => event.key === "Escape" && explain(null));

  // Folds: all at once, and open where a link needs them or the printer has room for them.
  const [LINES, COLUMNS] = [60, 12];
  const fits = (fold) =>
    all(":scope > .table tbody", fold).every(
      ({ rows }) => rows.length <= LINES && rows[0].cells.length <= COLUMNS,
    );
  const fold = (open) => all("main details").forEach((details) => (details.open = open));
  document.querySelector(".folds").hidden = false;
  document.getElementById("open-all").addEventListener("click", () => fold(true));
  document.getElementById("close-all").addEventListener("click", () => fold(false));
  let closed = [];
  window.addEventListener("beforeprint", () => {
    closed = all("main details:not([open])").filter(fits);
    closed.forEach((details) => (details.open = true));
  });
  window.addEventListener("afterprint", () => closed.forEach((details) => (details.open = false)));

  // The contents mark the section that is read.
  const links = new Map(all("nav a").map((link) => [link.hash.slice(1), link]));
  const read = new IntersectionObserver(
    (entries) =>
      entries.forEach(({ target, isIntersecting }) => {
        const link = links.get(target.id);
        if (!isIntersecting || !link) return;
        links.forEach((other) => other.removeAttribute("aria-current"));
        link.setAttribute("aria-current", "true");
      }),
    { rootMargin: "-20% 0px -70% 0px" },
  );
  all("main > section").forEach((section) => read.observe(section));
})();
