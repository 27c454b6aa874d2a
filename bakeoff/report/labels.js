"use strict";
(() => {
  const items = [...document.querySelectorAll(".suspects > li")];
  if (!items.length) return;
  const classes = document.getElementById("classes").content;
  const progress = document.getElementById("progress");
  let unsaved = false;

  const radio = (item, value) => item.querySelector(`input[value="${value}"]`);
  // Options are made when they are first wanted: there may be a thousand classes.
  const fill = (select) => {
    if (select.options.length === 1) select.append(classes.cloneNode(true));
  };

  const label = (item) => {
    const { choice, given, suggested } = item.dataset;
    if (choice === "given") return given;
    if (choice === "suggested") return suggested;
    if (choice === "drop") return "-";
    return choice === "other" ? item.querySelector("select").value : "";
  };

  const tell = () => {
    const decided = items.filter((item) => label(item) !== "").length;
    progress.textContent = `${decided} of ${items.length} decided.`;
  };

  const decide = (item, choice) => {
    if (choice === "") {
      delete item.dataset.choice;
      for (const one of item.querySelectorAll("input")) one.checked = false;
      item.querySelector("select").value = "";
    } else {
      item.dataset.choice = choice;
      radio(item, choice).checked = true;
      if (choice === "other") fill(item.querySelector("select"));
      else item.querySelector("select").value = "";
    }
    item.querySelector(".undo").hidden = choice === "";
    unsaved = true;
    tell();
  };

  for (const item of items) {
    const select = item.querySelector("select");
    item.querySelector("fieldset").hidden = false;
    for (const one of item.querySelectorAll("input")) {
      // What a browser kept of an earlier visit would look decided and not be.
      one.checked = false;
      one.addEventListener("change", () => decide(item, one.value));
    }
    select.value = "";
    select.addEventListener("pointerdown", () => fill(select));
    select.addEventListener("focus", () => fill(select));
    select.addEventListener("change", () => decide(item, select.value ? "other" : ""));
    item.querySelector(".undo").addEventListener("click", () => decide(item, ""));
  }

  const current = () => items.findIndex((item) => item.contains(document.activeElement));
  const go = (step) => {
    const at = current();
    const next = at < 0 ? (step > 0 ? 0 : items.length - 1) : at + step;
    const item = items[Math.min(Math.max(next, 0), items.length - 1)];
    item.focus({ preventScroll: true });
    item.scrollIntoView({ block: "start" });
  };
  const choices = { 0: "", 1: "given", 2: "suggested", 3: "other", 4: "drop" };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
    if (event.key === "j" || event.key === "k") {
      go(event.key === "j" ? 1 : -1);
    } else if (event.key in choices && current() >= 0) {
      const item = items[current()];
      decide(item, choices[event.key]);
      if (event.key === "3") item.querySelector("select").focus();
    } else {
      return;
    }
    event.preventDefault();
  });

  const cell = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  document.getElementById("download").addEventListener("click", () => {
    const rows = items.map((item) => {
      const { name, given, suggested, score } = item.dataset;
      return [name, given, suggested, label(item), score].map(cell).join(",");
    });
    const text = ["name,given,suggested,label,score", ...rows, ""].join("\n");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    link.download = "fixed.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    unsaved = false;
  });
  addEventListener("beforeunload", (event) => {
    if (unsaved) event.preventDefault();
  });

  for (const one of document.querySelectorAll(".bar, .with-script")) one.hidden = false;
  document.querySelector(".without-script").hidden = true;
})();
