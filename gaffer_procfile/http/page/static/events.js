// Events: what has happened, read for a person: who ran from when to when, and who fell first.

const MOST = 2000;
const SERIES = 2000; // ms: ends that follow each other closer than that belong together

export class Events {
  constructor() {
    this.clear();
  }

  clear() {
    this.all = []; // as the API gives them, with `at` in ms
    this.lanes = new Map(); // by name of the instance: { runs, marks }
    this.series = []; // the ends that belong together, the last ones
    this.skipped = 0;
  }

  add(event) {
    event.at = Date.parse(event.time);
    this.all.push(event);
    if (this.all.length > MOST) this.all.shift();
    if (event.event === "exit") this.rank(event);
    if (event.process) this.draw(event, this.lane(event.process, event.name));
  }

  get begin() {
    return this.all.length ? this.all[0].at : null;
  }

  // What ended close together has a place in the order of their ends, from 1.
  rank(event) {
    const last = this.series[this.series.length - 1];
    if (last === undefined || event.at - last.at > SERIES) this.series = [];
    this.series.push(event);
    event.place = this.series.length;
    event.first = this.series[0];
    this.series[0].followers = this.series.length - 1;
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
      if (lane.runs.length > MOST) lane.runs.shift();
    } else if (event.event === "exit") {
      if (isOpen) run.end = at;
      lane.marks.push(event);
    } else if (isOpen && (event.event === "ready" || event.event === "not_ready")) {
      run.ready.push({ at, isReady: event.event === "ready" });
    }
    if (event.event === "kill" || event.event === "give_up" || event.event === "unhealthy") lane.marks.push(event);
    if (lane.marks.length > MOST) lane.marks.shift();
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
