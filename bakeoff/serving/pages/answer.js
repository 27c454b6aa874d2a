// One picture's place in the gallery: what is said of it, why, and whether that is right.

import { ask } from "./asking.js";
import { fitting } from "./pictures.js";

const FIRST = 5;
const OTHER = "\n";

export class Answer {
  constructor(file, facts, said) {
    this.file = file;
    this.facts = facts;
    this.said = said;
    this.address = URL.createObjectURL(file);
    this.element = document.getElementById("answer").content.firstElementChild.cloneNode(true);
    this.find(".file").textContent = file.name;
    this.find(".waiting").textContent = "Waiting for its turn …";
    this.find(".again").addEventListener("click", async () => {
      this.element.focus();
      this.said(await this.answer());
    });
    this.find(".all").addEventListener("click", () => this.unfold());
    this.find(".explain").addEventListener("click", () => this.explain());
    this.find(".yes").addEventListener("click", () => this.judge(true, null));
    this.find(".no").addEventListener("click", () => this.ask());
    this.find("select").addEventListener("change", () => this.name());
    this.find(".correction").addEventListener("submit", (event) => {
      event.preventDefault();
      this.correct();
    });
  }

  find(selector) {
    return this.element.querySelector(selector);
  }

  // Ask the service; returns a sentence that says what came of it.
  async answer() {
    this.find(".wrong").hidden = this.find(".again").hidden = true;
    this.wait("Being looked at …");
    try {
      await this.show();
      const [sent, note] = await fitting(this.file, this.find("img"), this.facts.body);
      const most = this.facts.body;
      if (sent.size > most) {
        throw new Error(`It has ${(sent.size / 1e6).toFixed(1)} MB, and may have ${most / 1e6}.`);
      }
      this.sent = sent;
      const options = { method: "POST", body: sent, headers: { "content-type": kind(sent) } };
      const waiting = (left, why) => this.wait(`${why} It is asked again in ${left} s.`);
      const response = await ask("predict?top=100", options, waiting);
      this.tell(await response.json(), note);
      return this.words();
    } catch (error) {
      this.find(".wrong").textContent = error.message;
      this.find(".wrong").hidden = false;
      // What may go better the next time.
      this.find(".again").hidden = ![0, 408, 429, 500, 503].includes(error.status);
      return `${this.file.name}: ${error.message}`;
    } finally {
      this.find(".waiting").hidden = true;
    }
  }

  words() {
    const none = this.told.none_of_these ? "none of these; nearest " : "";
    return `${this.file.name}: ${none}${this.told.label}, ${share(this.told.probability)}`;
  }

  wait(text) {
    this.find(".waiting").textContent = text;
    this.find(".waiting").hidden = false;
  }

  async show() {
    const image = this.find("img");
    image.src = this.address;
    image.alt = this.file.name;
    try {
      await image.decode();
      image.classList.toggle("pixels", image.naturalWidth <= 64);
    } catch {
      // It may still be one that the service can read.
      image.hidden = true;
    }
  }

  tell(reply, note) {
    this.reply = reply;
    this.told = reply.predictions[0];
    this.find(".found").hidden = false;
    this.find(".none").hidden = !this.told.none_of_these;
    const amount = make("span", share(this.told.probability), "share");
    this.find("h3").replaceChildren(`${this.told.label} `, amount);
    this.fold(FIRST);
    const more = this.told.top.length > FIRST;
    this.find(".all").hidden = !more;
    this.find(".feedback").hidden = !this.facts.journal;
    const times = reply.timings_ms;
    this.find(".facts-line").textContent =
      `${note} Answered in ${times.total.toFixed(1)} ms: decoding ${times.decode.toFixed(1)}, ` +
      `waiting ${times.queue.toFixed(1)}, model ${times.infer.toFixed(1)}.`;
  }


  fold(count) {
    const bars = this.told.top.slice(0, count).map((one) => {
      // What it says stands beside it in words.
      const bar = document.createElement("progress");
      bar.value = one.probability;
      bar.setAttribute("aria-hidden", "true");
      const row = document.createElement("li");
      row.append(make("span", one.label, "class"), bar, make("span", share(one.probability), "share"));
      return row;
    });
    this.find(".bars").replaceChildren(...bars);
    const all = this.find(".all");
    const isWhole = count >= this.told.top.length;
    const most = this.told.top.length < this.facts.classes.length ? "The first" : "All";
    all.textContent = isWhole ? "Fewer" : `${most} ${this.told.top.length}`;
    all.setAttribute("aria-expanded", String(isWhole && count > FIRST));
  }

  unfold() {
    const isOpen = this.find(".all").getAttribute("aria-expanded") === "true";
    this.fold(isOpen ? FIRST : this.told.top.length);
  }

  async explain() {
    const button = this.find(".explain");
    const [picture, overlay] = this.element.querySelectorAll("img");
    const isShown = button.getAttribute("aria-pressed") === "true";
    try {
      if (!isShown && !overlay.src) {
        button.disabled = true;
        const address = `explain?class=${encodeURIComponent(this.told.label)}`;
        const options = {
          method: "POST", body: this.sent,
          headers: { "content-type": kind(this.sent), accept: "application/json" },
        };
        const waiting = (left) => (button.textContent = `Again in ${left} s …`);
        const found = await (await ask(address, options, waiting)).json();
        overlay.src = found.overlay;
        overlay.alt = found.flat
          ? `No part of the picture speaks for ${found.label} more than others.`
          : `What speaks for ${found.label} is lit, by ${found.method}.`;
      }
      overlay.hidden = isShown;
      picture.hidden = !isShown || !picture.naturalWidth;
      button.setAttribute("aria-pressed", String(!isShown));
      this.thank(isShown ? "" : overlay.alt);
    } catch (error) {
      this.thank(error.message);
    } finally {
      button.disabled = false;
      button.textContent = "Where did it look?";
      button.focus();
    }
  }

  ask() {
    const select = this.find("select");
    if (!select.options.length) {
      const likely = this.told.top.map((one) => one.label).filter((one) => one !== this.told.label);
      const rest = this.facts.classes.filter((one) => one !== this.told.label && !likely.includes(one));
      const named = [...likely, ...rest].map((one) => new Option(one, one));
      select.append(new Option("I don't know", ""), ...named, new Option("something else …", OTHER));
      select.selectedIndex = Math.min(1, named.length);
    }
    this.find(".correction").hidden = false;
    select.focus();
  }

  name() {
    const field = this.find(".correction input");
    field.hidden = this.find("select").value !== OTHER;
    field.required = !field.hidden;
    if (!field.hidden) field.focus();
  }

  correct() {
    const chosen = this.find("select").value;
    const label = chosen === OTHER ? this.find(".correction input").value.trim() : chosen;
    this.judge(false, label || null);
  }

  async judge(correct, label) {
    const body = JSON.stringify({ id: this.reply.id, picture: 0, correct, label });
    const options = { method: "POST", body, headers: { "content-type": "application/json" } };
    try {
      await ask("feedback", options, (left, why) => this.thank(`${why} Again in ${left} s.`));
    } catch (error) {
      this.thank(error.message);
      return;
    }
    this.find(".correction").hidden = true;
    this.find(".yes").setAttribute("aria-pressed", String(correct));
    this.find(".no").setAttribute("aria-pressed", String(!correct));
    if (!correct) this.find(".no").focus();
    const what = correct ? "right" : label === null ? "wrong" : `wrong, it is ${label}`;
    this.thank(`Noted: ${what}. Thank you; another answer replaces this one.`);
  }

  thank(text) {
    this.find(".thanks").hidden = !text;
    this.find(".thanks").textContent = text;
    if (text) this.said(text);
  }

  end() {
    URL.revokeObjectURL(this.address);
    this.element.remove();
  }
}

function kind(blob) {
  return blob.type.startsWith("image/") ? blob.type : "application/octet-stream";
}

function share(value) {
  return `${(100 * value).toFixed(1)} %`;
}

function make(name, text, className) {
  return Object.assign(document.createElement(name), { textContent: text, className });
}
