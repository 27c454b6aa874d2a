// Questions to the service: with a key where it asks for one, and again where it is full.

const TRIES = 6;
let key = null;
let asked = null;

export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

// `waiting` is told how many seconds there are left until it is asked again.
export async function ask(path, options = {}, waiting = () => {}) {
  for (let tries = 1; ; ) {
    const used = key;
    const headers = new Headers(options.headers);
    if (used !== null) headers.set("x-api-key", used);
    let response;
    try {
      response = await fetch(path, { ...options, headers });
    } catch {
      throw new Problem(0, "The service cannot be reached.");
    }
    if (response.ok) return response;
    const detail = await told(response);
    if (response.status === 401) {
      await keyed(used, detail);
    } else if ((response.status === 429 || response.status === 503) && tries < TRIES) {
      tries += 1;
      await pause(Number(response.headers.get("retry-after")) || 1, (left) => waiting(left, detail));
    } else {
      throw new Problem(response.status, detail);
    }
  }
}

async function told(response) {
  try {
    return (await response.json()).detail;
  } catch {
    return response.statusText || `The service answered ${response.status}.`;
  }
}

async function pause(seconds, waiting) {
  for (let left = Math.ceil(seconds); left > 0; left -= 1) {
    waiting(left);
    await new Promise((done) => setTimeout(done, 1000));
  }
  // Not all at the same moment.
  await new Promise((done) => setTimeout(done, 400 * Math.random()));
}

function keyed(used, detail) {
  // Another question has brought one already.
  if (used !== key) return Promise.resolve();
  asked ??= new Promise((done) => {
    const form = document.getElementById("key");
    const secret = document.getElementById("secret");
    const wrong = document.getElementById("key-wrong");
    form.hidden = false;
    wrong.hidden = used === null;
    wrong.textContent = used === null ? "" : detail;
    secret.value = "";
    secret.focus();
    form.onsubmit = (event) => {
      event.preventDefault();
      // What no header can carry is no key.
      key = secret.value.trim().replace(/[^\x21-\x7e]/g, "");
      form.hidden = true;
      asked = null;
      document.getElementById("main").focus();
      done();
    };
  });
  return asked;
}
