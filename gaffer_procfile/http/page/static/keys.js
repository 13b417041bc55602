// Keys: what each key does, and the dialog that says so.

import { byId, element } from "./dom.js";

export class Keys {
  // `groups` are [title, [[keys, words, do], …]]; `keys` are names as `event.key` has them.
  constructor(groups) {
    this.groups = groups;
    this.does = new Map();
    for (const [, keys] of groups) {
      for (const [names, , act] of keys) for (const name of names) this.does.set(name, act);
    }
    byId("keys-list").append(...groups.map(section));
    document.addEventListener("keydown", (event) => this.handle(event));
  }

  handle(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (document.querySelector("dialog[open]")) return; // it closes by Escape, all by itself
    const isTyping = event.target.matches("input, textarea, select");
    if (isTyping && event.key !== "Escape") return;
    const act = this.does.get(event.key);
    if (act === undefined) return;
    // The list of processes goes up and down; elsewhere arrows scroll.
    if (event.key.startsWith("Arrow") && event.target.closest("#process-list") === null) return;
    // On a button Enter presses it.
    if (event.key === "Enter" && event.target.closest("button, a")) return;
    event.preventDefault();
    act();
  }

  show() {
    byId("keys").showModal();
  }
}

const SHOWN = { ArrowDown: "↓", ArrowUp: "↑", Escape: "Esc" };

function section([title, keys]) {
  const rows = keys.map(([names, words]) => element("tr", {},
    element("td", {}, ...names.flatMap((name) => [element("kbd", {}, SHOWN[name] ?? name), " "])),
    element("td", {}, words)));
  return element("section", {}, element("h3", {}, title), element("table", {}, element("tbody", {}, ...rows)));
}
