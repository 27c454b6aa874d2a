"use strict";
(() => {
  const facts = JSON.parse(document.getElementById("facts").textContent);
  const root = document.documentElement;
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const make = (tag, text = "", attributes = {}) => {
    const made = document.createElement(tag);
    made.textContent = text;
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  };

  // Light and dark: the reader's system decides until the button is used.
  const theme = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const nameTheme = () => { theme.textContent = isDark() ? "Light" : "Dark"; };
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    nameTheme();
  });
  system.addEventListener("change", nameTheme);
  theme.setAttribute("aria-description", "Changes the colours of the page");
  theme.hidden = false;
  nameTheme();

  // Of several panels one is shown.
  const show = (name, value) => {
    for (const panel of all(`[data-panel^="${name}:"]`)) {
      panel.hidden = panel.dataset.panel !== `${name}:${value}`;
    }
  };
  for (const group of all("[data-switch]")) {
    const name = group.dataset.switch;
    group.hidden = false;
    group.addEventListener("change", (event) => show(name, event.target.value));
    show(name, group.querySelector("input:checked").value);
  }
  const choose = (number) => {
    const input = all('[data-switch="contender"] input').find((one) => one.value === number);
    if (!input) return;
    input.checked = true;
    show("contender", number);
  };
  const follow = () => {
    const found = /^#contender-(\d+)$/.exec(location.hash);
    if (!found) return;
    choose(found[1]);
    document.getElementById(location.hash.slice(1))?.scrollIntoView();
  };
  addEventListener("hashchange", follow);
  follow();

  // Sorting. Contenders without a value stay at the end, whichever way.
  const board = document.getElementById("board");
  const value = (row, column, kind) => {
    const text = row.cells[column]?.dataset.value ?? "";
    return kind === "number" && text !== "" && !Number.isNaN(Number(text)) ? Number(text) : text;
  };
  const sort = (header) => {
    const column = header.cellIndex;
    const first = header.dataset.first ?? "ascending";
    const other = first === "ascending" ? "descending" : "ascending";
    const direction = header.getAttribute("aria-sort") === first ? other : first;
    const sign = direction === "ascending" ? 1 : -1;
    const rows = all("tbody tr", board).map((row) => [value(row, column, header.dataset.sort), row]);
    rows.sort(([one], [two]) => {
      if (one === "" || two === "") return (one === "") - (two === "");
      if (typeof one === "number" && typeof two === "number") return sign * (one - two);
      return sign * String(one).localeCompare(String(two), undefined, { numeric: true });
    });
    for (const each of all("th[aria-sort]", board)) each.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", direction);
    board.tBodies[0].append(...rows.map(([, row]) => row));
  };
  for (const header of all("thead th", board)) {
    const button = make("button", header.textContent, { type: "button" });
    if (header.title) button.title = header.title;
    header.replaceChildren(button);
    button.addEventListener("click", () => sort(header));
  }

  // A grid of cells to choose from: one of them is reached by Tab, the others by arrows.
  const moves = {
    ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0],
  };
  const step = (button, [down, right]) => {
    const cell = button.closest("td");
    const rows = [...cell.closest("tbody").rows];
    let row = rows.indexOf(cell.parentElement);
    let column = cell.cellIndex;
    for (;;) {
      row += down;
      column += right;
      const next = rows[row]?.cells[column];
      if (!next) return null;
      const found = next.querySelector("button");
      if (found) return found;
    }
  };
  const grid = (table, cells, label, choice) => {
    const buttons = cells.map((cell) => {
      const button = make("button", "", { type: "button", "aria-pressed": "false", tabindex: "-1" });
      button.append(...cell.childNodes);
      if (label) button.setAttribute("aria-label", label(cell));
      cell.append(button);
      return button;
    });
    if (!buttons.length) return;
    const turnTo = (button) => {
      for (const each of buttons) each.tabIndex = each === button ? 0 : -1;
    };
    turnTo(buttons[0]);
    table.addEventListener("keydown", (event) => {
      const button = event.target.closest("td button");
      const next = button && moves[event.key] && step(button, moves[event.key]);
      if (!next) return;
      event.preventDefault();
      turnTo(next);
      next.focus();
    });
    table.addEventListener("click", (event) => {
      const button = event.target.closest("td button");
      if (!button) return;
      turnTo(button);
      choice(button, button.closest("td"));
    });
    table.addEventListener("focusin", (event) => choice.look?.(event.target.closest("td")));
    table.addEventListener("mouseover", (event) => choice.look?.(event.target.closest("td")));
  };
  const press = (chosen, within) => {
    for (const each of all("button[aria-pressed]", within)) {
      each.setAttribute("aria-pressed", String(chosen(each.closest("td"))));
    }
  };

  // Pairs in words.
  for (const table of all('[data-grid="pairs"]')) {
    const words = document.getElementById("pair-words");
    const choice = (button, cell) => {
      press((each) => each === cell, table);
      words.textContent = cell.dataset.words;
    };
    choice.look = (cell) => { if (cell?.dataset.words) words.textContent = cell.dataset.words; };
    grid(table, all("td[data-words]", table), null, choice);
    words.textContent = table.querySelector("td[data-words]").dataset.words;
    words.hidden = false;
  }

  // The pictures behind a cell.
  const percent = (part) => `${part}%`;
  const picture = ([number, votes, sure], seeds, truth) => {
    const [source, name, width, height, small] = facts.pictures[number];
    const figure = make("figure");
    const image = make("img", "", { src: source, alt: `${truth}: ${name}`, width, height, title: name });
    if (small) image.className = "small";
    const caption = make("figcaption");
    caption.append(make("span", percent(sure), { title: "mean confidence over seeds" }));
    if (seeds > 1) caption.append(make("span", `${votes}/${seeds} seeds`, { class: "soft" }));
    figure.append(image, caption);
    return figure;
  };
  const behind = (area, name, cell) => {
    const panel = area.querySelector(".behind");
    const [label, said] = cell.dataset.cell.split("-").map(Number);
    const [truth, answer] = [facts.classes[label], facts.classes[said]];
    const shown = facts.behind[name]?.[cell.dataset.cell] ?? [];
    const seeds = facts.seeds[name];
    const title = label === said ? `${truth}, seen as such` : `${truth} taken for ${answer}`;
    const times = seeds > 1 ? `${cell.textContent} times over ${seeds} seeds. ` : "";
    const gallery = make("div", "", { class: "gallery" });
    gallery.append(...shown.map((entry) => picture(entry, seeds, truth)));
    const distinct = facts.distinct[name][cell.dataset.cell];
    const pictures = `${distinct.toLocaleString("en")} ${distinct === 1 ? "picture" : "pictures"}`;
    const note = shown.length
      ? `${shown.length.toLocaleString("en")} of ${pictures} shown, the surest first.`
      : `No room on this page for its ${pictures}.`;
    panel.replaceChildren(
      make("h5", title), make("p", times + note, { class: "soft" }), gallery,
    );
    panel.hidden = false;
  };
  for (const area of all("[data-contender]")) {
    const name = area.dataset.contender;
    if (!facts.behind[name]) continue;
    const label = (cell) => {
      const [truth, said] = cell.dataset.cell.split("-").map((place) => facts.classes[place]);
      return `${cell.textContent}: ${truth} taken for ${said}`;
    };
    const choice = (button, cell) => {
      press((each) => each.dataset.cell === cell.dataset.cell, area);
      behind(area, name, cell);
    };
    for (const table of all('[data-grid="cells"]', area)) {
      grid(table, all("td[data-cell]", table), label, choice);
    }
    const most = area.querySelector(".confused td button");
    if (most) choice(most, most.closest("td"));
  }

  // Paper shows everything.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = all("details:not([open])");
    for (const each of closed) each.open = true;
  });
  addEventListener("afterprint", () => {
    for (const each of closed) each.open = false;
  });
})();
