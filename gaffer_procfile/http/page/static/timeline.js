// Timeline: a lane per instance with when it ran, when it was ready, and how it ended.

import { partsOf } from "./events.js";
import { arrange, byId, element, setAttribute, svg } from "./dom.js";
import { ending, exactTimeOfDay, isFailure } from "./format.js";

const HEIGHT = 18; // px of a lane, as in timeline.css
const MARK = 4.5; // px, half a mark
const RANGES = [["60", "1 min"], ["300", "5 min"], ["1800", "30 min"], ["0", "All"]];
const STEPS = [1, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400]; // s
const LEAST = 20_000; // ms that are shown at least
const LABEL_WIDTH = 90; // px between two times on the axis, at least

export class Timeline {
  constructor(events, model, now, onChoose) {
    this.events = events;
    this.model = model;
    this.now = now;
    this.onChoose = onChoose;
    this.lanes = new Map(); // by name of the instance
    this.range = byId("range");
    this.range.append(...RANGES.map(([value, text]) => element("option", { value }, text)));
    this.range.value = "300";
    this.range.addEventListener("change", () => this.paint());
    new ResizeObserver(() => this.paint()).observe(byId("axis"));
  }

  clear() {
    this.lanes.clear();
    byId("lanes").replaceChildren();
  }

  paint() {
    const width = byId("axis").clientWidth;
    if (width === 0) return; // not in sight
    const scale = this.scale(width);
    this.paintAxis(scale);
    const names = this.names(scale);
    const shown = new Set(names);
    for (const name of this.lanes.keys()) if (!shown.has(name)) this.lanes.delete(name);
    arrange(byId("lanes"), names.map((name) => this.paintLane(name, scale)));
  }

  // Those that fell, in the order in which they did; those that are there; those that were.
  names({ begin }) {
    const fallen = [...this.events.lanes]
      .map(([name, { marks }]) => [name, marks.find((event) => event.at >= begin && isFall(event))])
      .filter(([, fall]) => fall !== undefined)
      .sort(([, one], [, other]) => one.at - other.at)
      .map(([name]) => name);
    const present = this.model.instances().map(({ process }) => process);
    return [...new Set([...fallen, ...present, ...this.events.lanes.keys()])];
  }

  scale(width) {
    const end = this.now();
    const begin = this.events.begin ?? end;
    const wanted = Number(this.range.value) * 1000;
    const shown = Math.max(LEAST, Math.min(wanted || Infinity, end - begin));
    return { begin: end - shown, end, width, x: (at) => width * (1 - (end - at) / shown) };
  }

  paintAxis({ begin, end, width, x }) {
    const axis = byId("axis");
    const least = ((end - begin) / 1000) * (LABEL_WIDTH / width);
    const step = (STEPS.find((each) => each >= least) ?? STEPS[STEPS.length - 1]) * 1000;
    const zone = new Date(end).getTimezoneOffset() * 60_000;
    const parts = [];
    for (let at = Math.ceil((begin - zone) / step) * step + zone; at < end; at += step) {
      const place = x(at);
      parts.push(svg("line", { class: "tick", x1: place, x2: place, y1: 16, y2: 22 }));
      if (place < 28 || place > width - 28) continue;
      const text = new Date(at).toTimeString().slice(0, step < 60_000 ? 8 : 5);
      parts.push(svg("text", { x: place, y: 12, "text-anchor": "middle" }, text));
    }
    axis.replaceChildren(...parts);
  }

  paintLane(name, scale) {
    let lane = this.lanes.get(name);
    if (lane === undefined) {
      const label = element("button", { type: "button", class: "lane-name", title: name }, name);
      label.addEventListener("click", () => this.onChoose(name));
      lane = { label, plot: svg("svg", { class: "plot", role: "img" }) };
      lane.root = element("li", { class: "lane" }, label, lane.plot);
      this.lanes.set(name, lane);
    }
    const { runs = [], marks = [], name: template } = this.events.lanes.get(name) ?? {};
    const known = template ?? this.model.instances().find(({ process }) => process === name)?.name;
    setAttribute(lane.label, "class", `lane-name ${this.model.nameClass(known)}`);
    setAttribute(lane.plot, "aria-label", summary(name, runs, marks));
    const inSight = runs.filter((run) => (run.end ?? scale.end) >= scale.begin);
    lane.plot.replaceChildren(
      ...inSight.flatMap((run) => partsOf(run, scale.end)).map((part) => bar(part, scale)),
      ...marks.filter(({ at }) => at >= scale.begin).map((event) => mark(event, scale)),
    );
    return lane.root;
  }
}

// An end that nobody asked for, and that was no success.
const isFall = (event) => event.event === "exit" && event.by_itself && isFailure(event);

function bar([begin, end, kind], { x }) {
  const left = Math.max(0, x(begin));
  const width = Math.max(1.5, x(end) - left);
  return svg("rect", { class: `bar-${kind}`, x: left.toFixed(1), width: width.toFixed(1), y: 5, height: HEIGHT - 10, rx: 1.5 });
}

// A cross for a failure, a ring for another end; with its place among those that fell together.
function mark(event, { x }) {
  const middle = HEIGHT / 2;
  const isBad = event.event !== "exit" || isFall(event);
  const place = x(event.at);
  const shape = isBad
    ? svg("path", { class: "mark bad", d: `M${place - MARK} ${middle - MARK}l${2 * MARK} ${2 * MARK}m0 ${-2 * MARK}l${-2 * MARK} ${2 * MARK}` })
    : svg("circle", { class: "mark", cx: place, cy: middle, r: MARK - 1 });
  const what = event.event === "exit" ? ending(event) : event.event.replaceAll("_", " ");
  const title = svg("title", {}, `${exactTimeOfDay(event.time)} ${event.process}: ${what}`);
  const group = svg("g", { class: "happening" }, title, shape);
  if (event.first?.followers > 0) {
    group.append(svg("text", { class: "place", x: place - MARK - 3, y: middle + 3.5, "text-anchor": "end" }, event.place));
  }
  return group;
}

function summary(name, runs, marks) {
  const ends = marks.filter(({ event }) => event === "exit");
  const last = ends[ends.length - 1];
  const said = `${name}: started ${runs.length} times, ended ${ends.length} times`;
  return last ? `${said}, last at ${exactTimeOfDay(last.time)} (${ending(last)})` : said;
}
