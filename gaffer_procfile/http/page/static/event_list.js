// EventList: the last events in words, the latest first.

import { element } from "./dom.js";
import { ending, exactTimeOfDay, isFailure, plural } from "./format.js";

const SHOWN = 300;
// What says nothing that another event doesn't say too.
const QUIET = new Set(["reap", "create", "update", "stop_pid", "start", "stop"]);

export class EventList {
  constructor(target, nameClass) {
    this.target = target;
    this.nameClass = nameClass;
    this.rows = new Map(); // event -> row
  }

  show(events) {
    const wanted = events.filter(({ event }) => !QUIET.has(event)).slice(-SHOWN).reverse();
    const rows = new Map(wanted.map((event) => [event, this.rows.get(event) ?? this.row(event)]));
    for (const [event, row] of this.rows) if (!rows.has(event)) row.root.remove();
    this.rows = rows;
    let before = null;
    for (const [event, row] of rows) {
      this.tell(row, event);
      const place = before === null ? this.target.firstElementChild : before.nextElementSibling;
      if (place !== row.root) this.target.insertBefore(row.root, place);
      before = row.root;
    }
    if (rows.size === 0) {
      this.target.replaceChildren(element("li", { class: "nothing" }, "Nothing has happened yet."));
    } else {
      this.target.querySelector(".nothing")?.remove();
    }
  }

  clear() {
    this.rows.clear();
    this.target.replaceChildren();
  }

  row(event) {
    const badge = element("span", { class: "badge" });
    const root = element("li", { class: `event ${kindOf(event)}` },
      element("span", { class: "time" }, exactTimeOfDay(event.time)),
      element("span", { class: `who ${this.nameClass(event.name)}`, title: event.process ?? event.name }, event.process ?? event.name),
      element("span", { class: "what" }, words(event)), badge);
    return { root, badge };
  }

  // Who fell first is known only when others have followed.
  tell({ badge }, event) {
    const followers = event.followers ?? 0;
    let text = "";
    if (followers > 0) text = `first of ${followers + 1}`;
    else if (event.place > 1) text = `+${((event.at - event.first.at) / 1000).toFixed(3)} s`;
    if (badge.textContent !== text) badge.textContent = text;
    badge.classList.toggle("first", followers > 0);
    badge.hidden = text === "";
  }
}

function kindOf(event) {
  if (event.event === "exit") return isFailure(event) && event.by_itself ? "bad" : "ended";
  if (event.event === "give_up" || event.event === "unhealthy" || event.event === "flap") return "bad";
  if (event.event === "not_ready" || event.event === "kill") return "warning";
  return event.event === "ready" ? "good" : "plain";
}

function words(event) {
  switch (event.event) {
    case "spawn": return `started, pid ${event.os_pid}`;
    case "exit": return exitWords(event);
    case "kill": return event.hastened ? "killed" : "didn't stop in time: killed";
    case "flap": return "ends too often: waits before the next start";
    case "give_up": return "ends too often: given up";
    case "delete": return "removed";
    case "not_ready": return withDetail("not ready", event);
    default: return withDetail(event.event.replaceAll("_", " "), event);
  }
}

function exitWords(event) {
  const how = event.by_itself ? ending(event) : `stopped, ${ending(event)}`;
  const again = event.then === "pending" || event.then === "backing-off";
  const wait = event.delay ? ` in ${event.delay < 1 ? event.delay.toFixed(1) : plural(Math.round(event.delay), "second")}` : "";
  return again ? `${how}, starts again${wait}` : how;
}

function withDetail(what, event) {
  const detail = event.reason ?? event.detail ?? event.message;
  return detail ? `${what}: ${detail}` : what;
}
