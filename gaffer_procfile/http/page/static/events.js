// Events: what has happened, read for a person: who ran from when to when, and who fell first.

const MOST = 2000; // events that are kept
const SERIES = 2000; // ms: ends that follow each other closer than that belong together

export class Events {
  constructor() {
    this.clear();
  }

  clear() {
    this.all = []; // as the API gives them, with `at` in ms
    this.lanes = new Map(); // by name of the instance: { runs, marks }
    this.series = null; // the last ends that belong together: { first, last, count }
  }

  add(event) {
    event.at = Date.parse(event.time);
    this.all.push(event);
    if (event.event === "exit") this.rank(event);
    if (event.process) this.draw(event, this.lane(event.process, event.name));
    if (this.all.length > MOST) this.forget(this.all.shift());
  }

  // An event is out of sight, and with it what was before the oldest that is kept.
  forget({ process }) {
    const lane = this.lanes.get(process);
    if (lane === undefined) return;
    const { begin } = this;
    const { runs, marks } = lane;
    while (marks.length && marks[0].at <= begin) marks.shift();
    while (runs.length && runs[0].end !== null && runs[0].end <= begin) runs.shift();
    const ready = runs[0]?.ready ?? [];
    while (ready.length > 1 && ready[1].at <= begin) ready.shift();
    if (!runs.length && !marks.length) this.lanes.delete(process);
  }

  get begin() {
    return this.all.length ? this.all[0].at : null;
  }

  // What ended close together has a place in the order of their ends, from 1.
  rank(event) {
    if (this.series === null || event.at - this.series.last > SERIES) this.series = { first: event, count: 0 };
    const { series } = this;
    series.last = event.at;
    series.count += 1;
    event.place = series.count;
    event.first = series.first;
    series.first.followers = series.count - 1;
  }

  lane(process, name) {
    if (!this.lanes.has(process)) this.lanes.set(process, { name, runs: [], marks: [] });
    return this.lanes.get(process);
  }

  draw(event, lane) {
    const { at } = event;
    const run = lane.runs[lane.runs.length - 1];
    const isOpen = run !== undefined && run.end === null;
    if (event.event === "spawn") {
      lane.runs.push({ begin: at, end: null, ready: [] });
    } else if (event.event === "exit") {
      if (isOpen) run.end = at;
      lane.marks.push(event);
    } else if (isOpen && (event.event === "ready" || event.event === "not_ready")) {
      run.ready.push({ at, isReady: event.event === "ready" });
    }
    if (event.event === "kill" || event.event === "give_up" || event.event === "unhealthy") lane.marks.push(event);
  }
}

// The parts of a run by whether it was ready then: [begin, end, kind].
export function partsOf(run, now) {
  const end = run.end ?? now;
  if (run.ready.length === 0) return [[run.begin, end, "running"]];
  const parts = [[run.begin, run.ready[0].at, "not-ready"]];
  run.ready.forEach(({ at, isReady }, index) => {
    parts.push([at, run.ready[index + 1]?.at ?? end, isReady ? "ready" : "not-ready"]);
  });
  return parts;
}
