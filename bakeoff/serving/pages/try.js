// The page: pictures come in by any way there is, and are answered a few at a time.

import { Answer } from "./answer.js";
import { ask } from "./asking.js";
import { camera } from "./pictures.js";

const AT_ONCE = 3;
const find = (id) => document.getElementById(id);
const waiting = [];
const shown = new Set();
let working = 0;
let facts = null;
let batch = [];

function say(text) {
  find("said").textContent = text;
}

// What is wrong is said to everybody, what goes well to those who do not see it.
function complain(text) {
  find("notice").textContent = text;
  find("notice").hidden = !text;
}

let learning = null;

function learnt() {
  learning ??= learn().catch((error) => {
    learning = null;
    throw error;
  });
  return learning;
}

async function learn() {
  facts = await (await ask("page.json")).json();
  const { name, served, engine, digest } = facts;
  find("model").textContent = `${name}, version ${served} here, ${engine}, digest ${digest.slice(0, 19)}`;
  find("model").title = digest;
  const tiles = facts.samples.map((label, place) => tile(label ?? `picture ${place + 1}`, place));
  find("samples").querySelector("ul").replaceChildren(...tiles);
  find("samples").hidden = !tiles.length;
}

function tile(label, place) {
  const image = Object.assign(new Image(), { alt: "" });
  const button = Object.assign(document.createElement("button"), { type: "button" });
  button.append(image, label);
  const blob = ask(`samples/${place}`).then((response) => response.blob());
  blob.then((found) => {
    image.onload = () => image.classList.toggle("pixels", image.naturalWidth <= 64);
    image.src = URL.createObjectURL(found);
  }, (error) => complain(error.message));
  button.addEventListener("click", async () => {
    const found = await blob;
    take([new File([found], `sample ${place + 1}, labelled ${label}`, { type: found.type })]);
  });
  const item = document.createElement("li");
  item.append(button);
  return item;
}

async function take(files) {
  if (!files.length) return;
  try {
    await learnt();
  } catch (error) {
    complain(error.message);
    return;
  }
  complain("");
  const answers = files.map((file) => new Answer(file, facts, say));
  find("gallery").prepend(...answers.map((one) => one.element));
  find("answers").hidden = find("clear").hidden = false;
  find("answers").scrollIntoView({ block: "nearest" });
  for (const one of answers) shown.add(one);
  waiting.push(...answers);
  say(files.length === 1 ? `${files[0].name} …` : `${files.length} pictures …`);
  while (working < AT_ONCE && waiting.length) work();
}

async function work() {
  working += 1;
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    batch.push(await next.answer());
    // Another champion answers by now.
    if (next.reply && next.reply.model.digest !== facts.digest) await learn();
  }
  working -= 1;
  if (!working) {
    say(batch.length > 3 ? `${batch.length} pictures are answered.` : batch.join(". "));
    batch = [];
  }
}

const input = find("file");
input.addEventListener("change", () => {
  take([...input.files]);
  input.value = "";
});
document.addEventListener("paste", (event) => {
  const files = [...event.clipboardData.files];
  if (files.length) take(files);
  else if (!event.target.closest?.("input")) complain("There was no picture in what was pasted.");
});
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  find("drop").classList.add("over");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) find("drop").classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  find("drop").classList.remove("over");
  const files = [...event.dataTransfer.files];
  if (files.length) take(files);
  else complain("That was no file: save it first, or copy the picture and paste it.");
});
find("clear").addEventListener("click", () => {
  for (const one of shown) one.end();
  shown.clear();
  waiting.length = 0;
  find("answers").hidden = true;
  find("gallery").replaceChildren();
  input.focus();
});
find("ask").addEventListener("submit", (event) => event.preventDefault());
find("plain").hidden = true;
find("more-ways").hidden = false;
find("base").textContent = new URL(".", location.href).href;
find("copy").hidden = !navigator.clipboard;
find("copy").addEventListener("click", async () => {
  await navigator.clipboard.writeText(find("curl").textContent);
  find("copy").textContent = "Copied";
});
camera(find("camera"), find("photo"), take, complain);
learnt().catch((error) => complain(error.message));
