// Escape sequences: colours and weights are kept, everything else is dropped.

// CSI, then strings (OSC, DCS, APC …) with whatever ends them, then short escapes, then controls.
const SEQUENCE =
  /\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|(?=\x1b)|$)|[ -/]*[0-~]|)|[\x00-\x08\x0a-\x1f\x7f-\x9f]/g;
const HAS_SEQUENCE = /[\x00-\x08\x0a-\x1f\x7f-\x9f]/;
const IS_SGR = /^\x1b\[[\d;:]*m$/;

// A style is a plain object: fg, bg (a palette's index, or "#rrggbb") and flags; null is the default.

// The text of a line as runs of one style each, and the style that the next line begins with.
export function parse(text, style = null) {
  let runs = [];
  let begin = 0;
  let isBegunAgain = false; // a progress bar's line: the last one shown stays
  const take = (part) => {
    if (isBegunAgain) runs = [];
    isBegunAgain = false;
    runs.push({ text: part, style });
  };
  for (const match of text.matchAll(SEQUENCE)) {
    if (match.index > begin) take(text.slice(begin, match.index));
    begin = match.index + match[0].length;
    if (match[0] === "\r") isBegunAgain = true;
    else if (IS_SGR.test(match[0])) style = select(style, match[0].slice(2, -1));
  }
  if (begin < text.length) take(text.slice(begin));
  return { runs, style };
}

// The text as a person sees it.
export function plain(text) {
  if (!HAS_SEQUENCE.test(text)) return text;
  const shown = text.replace(SEQUENCE, (found) => (found === "\r" ? "\r" : ""));
  if (!shown.includes("\r")) return shown;
  const parts = shown.split("\r");
  return parts.findLast((part) => part !== "") ?? "";
}

// The style after a line, without making runs of it.
export function styleAfter(text, style) {
  if (!text.includes("\x1b[")) return style;
  for (const [found] of text.matchAll(SEQUENCE)) {
    if (IS_SGR.test(found)) style = select(style, found.slice(2, -1));
  }
  return style;
}

const ON = { 1: "bold", 2: "faint", 3: "italic", 4: "underline", 7: "inverse", 8: "hidden", 9: "struck", 21: "underline" };
const OFF = { 22: ["bold", "faint"], 23: ["italic"], 24: ["underline"], 27: ["inverse"], 28: ["hidden"], 29: ["struck"] };

function select(before, parameters) {
  const style = { ...before };
  // "38:2::r:g:b" is one parameter with parts, "38;2;r;g;b" are five.
  const queue = parameters.split(";").map((parameter) => parameter.split(":"));
  while (queue.length) {
    const [first, ...parts] = queue.shift();
    const code = Number(first);
    if (code === 0) clear(style);
    else if (code === 4 && parts[0] === "0") delete style.underline;
    else if (ON[code]) style[ON[code]] = true;
    else if (OFF[code]) OFF[code].forEach((flag) => delete style[flag]);
    else if (code === 38 || code === 48) setColour(style, code === 38 ? "fg" : "bg", parts, queue);
    else if (code === 39) delete style.fg;
    else if (code === 49) delete style.bg;
    else if (code >= 30 && code <= 37) style.fg = code - 30;
    else if (code >= 40 && code <= 47) style.bg = code - 40;
    else if (code >= 90 && code <= 97) style.fg = code - 90 + 8;
    else if (code >= 100 && code <= 107) style.bg = code - 100 + 8;
  }
  return Object.keys(style).length ? style : null;
}

function clear(style) {
  for (const name of Object.keys(style)) delete style[name];
}

function setColour(style, place, parts, queue) {
  const takesParts = parts.length > 0;
  const take = () => Number((takesParts ? parts.shift() : queue.shift()?.[0]) ?? NaN);
  const kind = take();
  if (kind === 5) {
    const index = take();
    if (index >= 0 && index <= 255) style[place] = index < 16 ? index : fixedColour(index);
  } else if (kind === 2) {
    if (takesParts && parts.length > 3) parts.shift(); // the colour space
    const channels = [take(), take(), take()];
    if (channels.every((channel) => channel >= 0 && channel <= 255)) style[place] = hex(channels);
  }
}

// The 256 colours without the first 16: a cube of 6 × 6 × 6, and 24 greys.
function fixedColour(index) {
  if (index >= 232) return hex(Array(3).fill(8 + (index - 232) * 10));
  const level = (step) => (step ? 55 + step * 40 : 0);
  const place = index - 16;
  return hex([level(Math.floor(place / 36)), level(Math.floor(place / 6) % 6), level(place % 6)]);
}

const hex = (channels) => `#${channels.map((each) => Math.round(each).toString(16).padStart(2, "0")).join("")}`;
