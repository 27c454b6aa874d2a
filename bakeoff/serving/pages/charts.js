// Charts as SVG: lines over time, and columns.

const [HIGH, LEFT, BOTTOM, TOP] = [150, 38, 18, 8];

export function svg(name, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// The next of 1, 2 and 5, at or above a value.
function round(value) {
  const ten = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((one) => one * ten).find((one) => one >= value * 0.9999);
}

function number(value) {
  return value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(2)));
}

// As wide as its place, so that its words are as large as all others.
function width(figure) {
  const { paddingLeft, paddingRight } = getComputedStyle(figure);
  return Math.max(200, figure.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight));
}

function frame(wide, most, label, ticks) {
  const rows = [0, 0.5, 1].flatMap((part) => {
    const y = TOP + (1 - part) * (HIGH - TOP - BOTTOM);
    return [
      svg("line", { class: "grid", x1: LEFT, x2: wide, y1: y, y2: y }),
      svg("text", { x: LEFT - 6, y: y + 4, "text-anchor": "end" }, label(part * most)),
    ];
  });
  const marks = ticks.map(([part, text]) => {
    const anchor = part === 0 ? "start" : part === 1 ? "end" : "middle";
    return svg("text", { x: LEFT + part * (wide - LEFT), y: HIGH - 3, "text-anchor": anchor }, text);
  });
  return [...rows, ...marks];
}

function drawn(figure, wide, words, children) {
  const image = svg("svg", { viewBox: `0 0 ${wide} ${HIGH}`, role: "img", "aria-label": words });
  image.append(...children);
  figure.querySelector("svg")?.remove();
  figure.append(image);
}

// `lines` have a name, a class, values over `times` (null where there is none) and a text.
export function overTime(figure, times, seconds, lines, label = number, least = 1) {
  const wide = width(figure);
  const end = times.at(-1);
  const all = lines.flatMap((one) => one.values).filter((value) => value !== null);
  const most = round(Math.max(least, ...all));
  const x = (time) => LEFT + (1 - (end - time) / seconds) * (wide - LEFT);
  const y = (value) => TOP + (1 - value / most) * (HIGH - TOP - BOTTOM);
  const ticks = [[0, "10 min ago"], [0.5, "5"], [1, "now"]];
  const shapes = lines.flatMap((one, place) => {
    const parts = runs(times, one.values).map((run) => run.map(([t, v]) => `${x(t).toFixed(1)} ${y(v).toFixed(1)}`));
    const paths = parts.map((part) => svg("path", { class: `line ${one.kind}`, d: `M${part.join("L")}` }));
    if (place) return paths;
    const low = HIGH - BOTTOM;
    const areas = parts.map((part) =>
      svg("path", { class: `area ${one.kind}`, d: `M${part.join("L")}L${part.at(-1).split(" ")[0]} ${low}L${part[0].split(" ")[0]} ${low}Z` }));
    return [...areas, ...paths];
  });
  const legend = Object.assign(document.createElement("ul"), { className: "legend" });
  legend.append(...lines.map((one) =>
    Object.assign(document.createElement("li"), { className: one.kind, textContent: `${one.name}: ${one.text}` })));
  figure.querySelector(".legend")?.remove();
  figure.append(legend);
  const words = lines.map((one) => `${one.name}: ${one.text}`).join(", ");
  drawn(figure, wide, `${figure.querySelector("figcaption").textContent}, the last ten minutes. ${words}`, [
    ...frame(wide, most, label, ticks), ...shapes,
  ]);
}

function runs(times, values) {
  const found = [];
  let open = null;
  values.forEach((value, place) => {
    if (value === null) open = null;
    else if (open) open.push([times[place], value]);
    else found.push((open = [[times[place], value]]));
  });
  return found;
}

// Shares of now as columns, of before as a line of steps.
export function columns(figure, now, before, words) {
  const most = Math.max(0.05, ...now, ...before);
  const wide = width(figure);
  const each = (wide - LEFT) / Math.max(1, now.length);
  const high = HIGH - TOP - BOTTOM;
  const bars = now.map((share, place) => {
    const tall = (share / most) * high;
    return svg("rect", { class: "column", x: LEFT + place * each + 1, y: HIGH - BOTTOM - tall, width: each - 2, height: tall });
  });
  const steps = before.map((share, place) => {
    const y = (TOP + (1 - share / most) * high).toFixed(1);
    return `${(LEFT + place * each).toFixed(1)} ${y}L${(LEFT + (place + 1) * each).toFixed(1)} ${y}`;
  });
  const line = steps.length ? [svg("path", { class: "before", d: `M${steps.join("L")}` })] : [];
  const ticks = [[0, "0"], [0.5, "0.5"], [1, "1"]];
  drawn(figure, wide, words, [...frame(wide, most, (value) => `${(100 * value).toFixed(0)} %`, ticks), ...bars, ...line]);
}
