// Asks the API. What it refuses becomes an Error with its words and its hint.

const PATIENCE = 10_000; // ms

export class Refused extends Error {
  constructor(status, detail, hint) {
    super(hint ? `${detail} (${hint})` : detail);
    this.status = status;
  }
}

export const get = (path) => ask("GET", path);
export const post = (path, body) => ask("POST", path, body);

// A name as a segment of a path.
export const segment = encodeURIComponent;

async function ask(method, path, body) {
  const options = { method, signal: AbortSignal.timeout(PATIENCE) };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers = { "Content-Type": "application/json" };
  }
  const response = await fetch(path, options);
  const text = await response.text();
  if (response.ok) return JSON.parse(text);
  throw refusal(response, text);
}

function refusal(response, text) {
  try {
    const problem = JSON.parse(text);
    return new Refused(response.status, String(problem.detail ?? problem.title), problem.hint);
  } catch {
    return new Refused(response.status, `${response.status} ${response.statusText}`);
  }
}
