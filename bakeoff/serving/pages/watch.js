// The page that watches a service: counts are read, and what they rose by is drawn.

import { ask } from "./asking.js";
import { columns, overTime } from "./charts.js";

const EVERY = 2;
const KEPT = 600;
const WINDOW = 10;
const MOST = 12;
const find = (id) => document.getElementById(id);
const seen = [];
let timer = null;

function sum(counts, wanted = () => true) {
  return Object.entries(counts).reduce((all, [name, count]) => all + (wanted(name) ? count : 0), 0);
}

const good = (status) => status < "400";
const full = (status) => status === "429" || status === "503";
const bad = (status) => !good(status) && !full(status);

// What the counts of `after` are above those of `before`, a second.
function rate(before, after, wanted) {
  const rose = sum(after.requests, wanted) - sum(before.requests, wanted);
  return rose < 0 ? null : rose / (after.at - before.at);
}

// Within how many milliseconds a share of the requests between two readings was answered.
function within(before, after, share) {
  const rose = after.latency.map(([bound, count], place) => [bound, count - (before.latency[place]?.[1] ?? 0)]);
  const all = rose.at(-1)?.[1] ?? 0;
  if (all <= 0) return null;
  let [low, under] = [0, 0];
  for (const [bound, count] of rose) {
    if (count >= share * all) {
      if (bound === null) return 1000 * low;
      return 1000 * (low + ((share * all - under) / Math.max(1e-9, count - under)) * (bound - low));
    }
    [low, under] = [bound, count];
  }
  return null;
}

function unlike(before, after) {
  const answered = sum(after.classes) - sum(before.classes);
  return answered > 0 ? (after.none_of_these - before.none_of_these) / answered : null;
}

function point(before, after) {
  return {
    at: after.at,
    good: rate(before, after, good),
    full: rate(before, after, full),
    bad: rate(before, after, bad),
    middle: within(before, after, 0.5),
    most: within(before, after, 0.95),
    queued: after.queued,
    none: unlike(before, after),
  };
}

// The reading of `seconds` ago, or the one after it; of this process, as a new one counts anew.
function earlier(place, seconds) {
  let found = place;
  while (found > 0 && seen[place].at - seen[found - 1].at <= seconds &&
    seen[found - 1].latency.length && sum(seen[found - 1].requests) <= sum(seen[place].requests)) found -= 1;
  return found;
}

function amount(value, digits = 1, unit = "") {
  return value === null ? "–" : value.toFixed(digits) + unit;
}

function percent(value) {
  return value === null ? "–" : `${(100 * value).toFixed(1)} %`;
}

function draw() {
  const points = seen.slice(1).map((one, place) => point(seen[earlier(place + 1, WINDOW)], one));
  if (!points.length) return;
  const times = points.map((one) => one.at);
  const now = points.at(-1);
  const line = (name, kind, key, text) => ({ name, kind, values: points.map((one) => one[key]), text });
  overTime(find("requests"), times, KEPT, [
    line("answered", "a", "good", amount(now.good)),
    line("wrong (4xx)", "b", "bad", amount(now.bad)),
    line("turned away", "c", "full", amount(now.full)),
  ]);
  overTime(find("latency"), times, KEPT, [
    line("median", "a", "middle", amount(now.middle)),
    line("95 % within", "b", "most", amount(now.most)),
  ]);
  overTime(find("queue"), times, KEPT, [line("waiting", "a", "queued", amount(now.queued, 0))]);
  overTime(find("none"), times, KEPT, [line("share", "a", "none", percent(now.none))],
    (value) => `${(100 * value).toFixed(0)} %`, 0.1);
  if (find("table").open) tabulate();
}

function tabulate() {
  const rows = [];
  for (let place = seen.length - 1; place > 0; place = earlier(place, 30)) {
    const one = point(seen[earlier(place, 30)], seen[place]);
    const cells = [
      new Date(1000 * one.at).toLocaleTimeString(), amount(one.good),
      amount(one.bad === null ? null : one.bad + one.full), amount(one.middle), amount(one.most),
      amount(one.queued, 0), percent(one.none),
    ];
    const row = document.createElement("tr");
    row.append(...cells.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
    rows.push(row);
    if (earlier(place, 30) === place) break;
  }
  find("table").querySelector("tbody").replaceChildren(...rows);
}

function make(name, text, className = "") {
  return Object.assign(document.createElement(name), { textContent: text, className });
}

function pairs(list, facts, inside = (term, said) => [term, said]) {
  list.replaceChildren(...facts.flatMap(([name, value]) => inside(make("dt", name), make("dd", value))));
}

function uptime(seconds) {
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  return days ? `${days} d ${hours} h` : hours ? `${hours} h ${minutes} min` : minutes ? `${minutes} min` : `${Math.floor(seconds)} s`;
}

function tell(found) {
  const current = found.champions.current;
  pairs(find("facts"), [
    ["champion", `${current.name}, version ${current.version}`],
    ["digest", current.digest.slice(0, 19)],
    ["engine", current.engine],
    ["up for", uptime(found.seconds)],
    ["workers", found.workers],
    ["requests", sum(found.requests).toLocaleString()],
    ["turned away", sum(found.requests, full).toLocaleString()],
  ], (term, said) => {
    const both = document.createElement("div");
    both.append(term, said);
    return [both];
  });
  mix(found);
  sure(found);
  const drift = [...new Map(found.drift.map((one) => [one.words, one.verdict]))]
    .map(([words, verdict]) => make("li", words, verdict));
  find("drift").replaceChildren(...(drift.length ? drift : [make("li", "Nothing to compare yet.")]));
  pairs(find("journal"), [...journal(found), ...trial(found)]);
}

function mix(found) {
  const all = Math.max(1, sum(found.classes));
  const names = [...new Set([...Object.keys(found.mix), ...Object.keys(found.classes)])];
  const rows = names.map((name) => [name, (found.classes[name] ?? 0) / all, found.mix[name] ?? null]);
  const shown = rows.sort((one, two) => Math.max(two[1], two[2]) - Math.max(one[1], one[2])).slice(0, MOST);
  const most = Math.max(0.01, ...shown.map(([, now, before]) => Math.max(now, before)));
  find("classes").replaceChildren(...shown.map(([name, now, before]) => {
    const row = document.createElement("li");
    const track = make("span", "", "track");
    const bar = document.createElement("span");
    bar.style.width = `${(100 * now) / most}%`;
    track.append(bar);
    if (before !== null) {
      const mark = document.createElement("i");
      mark.style.left = `${(100 * before) / most}%`;
      track.append(mark);
    }
    const was = before === null ? "" : `, was ${(100 * before).toFixed(0)} %`;
    row.append(make("span", name, "class"), track, make("span", `${(100 * now).toFixed(0)} %${was}`, "amount"));
    return row;
  }));
}

function sure(found) {
  const counts = found.confidence.slice(0, -1).map(([, count]) => count);
  const rose = counts.map((count, place) => count - (counts[place - 1] ?? 0));
  const share = (values) => {
    const all = values.reduce((one, two) => one + two, 0);
    return all ? values.map((value) => value / all) : values.map(() => 0);
  };
  const now = share(rose);
  const above = now.slice(18).reduce((one, two) => one + two, 0);
  columns(find("sure"), now, share(found.confidence_before),
    `Histogram of probabilities in 20 steps. ${percent(above)} of the answers are surer than 0.9.`);
}

function journal(found) {
  if (!found.journal) return [["journal", "none is kept"]];
  const { text, written, waiting, dropped } = found.journal;
  return [
    ["journal", text],
    ["written", `${written.toLocaleString()}, ${waiting} on the way, ${dropped} lost`],
  ];
}

function trial(found) {
  const tried = found.champions.trial;
  if (!tried) return [["trial", "none"]];
  const share = `${tried.name}, ${tried.digest.slice(0, 19)}, on ${percent(tried.share)}`;
  if (tried.mode === "canary") return [["canary", share], ["answered", `${found.roles.canary ?? 0} pictures`]];
  const { same = 0, other = 0 } = found.shadow;
  const agreed = same + other ? `${percent(same / (same + other))} of ${same + other}` : "nothing compared yet";
  return [["shadow", share], ["says the same", agreed]];
}

async function read() {
  timer = null;
  try {
    const found = await (await ask("watch.json")).json();
    find("wrong").hidden = true;
    find("charts").hidden = false;
    seen.push(found);
    while (seen.at(-1).at - seen[0].at > KEPT) seen.shift();
    tell(found);
    draw();
  } catch (error) {
    find("wrong").textContent = error.message;
    find("wrong").hidden = false;
  }
  later();
}

function later() {
  if (timer === null && !document.hidden) timer = setTimeout(read, 1000 * EVERY);
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    clearTimeout(timer);
    timer = null;
  } else later();
});
find("table").addEventListener("toggle", () => find("table").open && tabulate());
read();
