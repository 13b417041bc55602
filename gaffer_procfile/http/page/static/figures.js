// Figures: CPU and memory of what runs, asked for again and again while somebody looks.

import { get } from "./api.js";
import { SAMPLES } from "./sparkline.js";

const INTERVAL = 2000; // ms

export class Figures {
  // `onChange()` is called with news, `onSilence()` when there is no answer.
  constructor(onChange, onSilence) {
    this.onChange = onChange;
    this.onSilence = onSilence;
    this.series = new Map(); // by id of the instance: { cpu, rss, last }
    this.skew = 0; // ms by which gaffer's clock is ahead of ours
    this.timer = null;
  }

  start() {
    if (this.timer === null && !document.hidden) this.timer = setTimeout(() => this.look(), 0);
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = null;
  }

  clear() {
    this.series.clear();
  }

  // `stats` are of all that runs: what isn't among them has ended.
  take(stats) {
    const running = new Set(stats.map(({ id }) => id));
    for (const id of this.series.keys()) if (!running.has(id)) this.series.delete(id);
    for (const each of stats) {
      const series = this.series.get(each.id) ?? { cpu: [], rss: [], last: null };
      push(series.cpu, each.cpu);
      push(series.rss, each.rss);
      series.last = each;
      this.series.set(each.id, series);
    }
    if (stats.length) this.skew = Date.parse(stats[stats.length - 1].time) - Date.now();
  }

  async look() {
    const { timer } = this; // another one by the time of the answer: it was stopped, and maybe started anew
    try {
      const { stats } = await get("/stats");
      if (timer !== this.timer) return;
      this.take(stats);
      this.onChange();
    } catch {
      if (timer !== this.timer) return;
      this.onSilence();
    }
    if (timer === this.timer) this.timer = document.hidden ? null : setTimeout(() => this.look(), INTERVAL);
  }

  // What gaffer's clock shows, nearly: ms since the epoch.
  now() {
    return Date.now() + (Math.abs(this.skew) > 2000 ? this.skew : 0);
  }
}

function push(values, value) {
  values.push(value);
  if (values.length > SAMPLES) values.shift();
}
