// Turns runs of styled text into elements, with what a search has found marked.

import { element } from "./dom.js";

const FLAGS = ["bold", "faint", "italic", "underline", "struck", "hidden"];

// `hits` are [begin, end) in the whole text, in order.
export function styledNodes(runs, hits = []) {
  const nodes = [];
  let offset = 0;
  for (const { text, style } of runs) {
    for (const { part, isHit } of cut(text, offset, hits)) {
      const node = isHit ? element("mark", {}, part) : part;
      nodes.push(style || isHit ? dressed(node, style) : part);
    }
    offset += text.length;
  }
  return nodes;
}

function cut(text, offset, hits) {
  const parts = [];
  let begin = 0;
  for (const [from, to] of hits) {
    const first = Math.max(begin, from - offset);
    const last = Math.min(text.length, to - offset);
    if (last <= first) continue;
    if (first > begin) parts.push({ part: text.slice(begin, first), isHit: false });
    parts.push({ part: text.slice(first, last), isHit: true });
    begin = last;
  }
  if (begin < text.length) parts.push({ part: text.slice(begin), isHit: false });
  return parts;
}

function dressed(node, style) {
  if (!style) return node;
  const span = element("span", {}, node);
  for (const flag of FLAGS) if (style[flag]) span.classList.add(flag);
  const [fg, bg] = style.inverse ? [style.bg ?? "back", style.fg ?? "front"] : [style.fg, style.bg];
  colour(span, "fg", "color", fg);
  colour(span, "bg", "backgroundColor", bg);
  if (bg !== undefined && fg === undefined) span.classList.add("on-colour");
  return span;
}

// A palette's colour is a class, so that it follows the theme; any other is what it says.
function colour(span, place, property, value) {
  if (value === undefined) return;
  if (typeof value === "string" && value.startsWith("#")) span.style[property] = value;
  else span.classList.add(`${place}-${value}`);
}
