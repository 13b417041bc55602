// Sparkline: a small plot of the last figures of a process.

import { setAttribute, svg } from "./dom.js";

export const SAMPLES = 60;
const WIDTH = 44; // px, as in processes.css
const HEIGHT = 16;

export class Sparkline {
  // `floor` is the least that the top stands for, so that noise near nothing looks like nothing.
  constructor(kind, label, floor) {
    this.label = label;
    this.floor = floor;
    this.area = svg("path", { class: "area" });
    this.line = svg("path", { class: "curve" });
    this.title = svg("title");
    this.root = svg("svg", { class: `spark ${kind}`, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" },
      this.title, this.area, this.line);
  }

  // `values` are the last ones, the newest at the end; null where there was none.
  show(values, text) {
    const top = Math.max(this.floor, ...values.map((value) => value ?? 0));
    const step = WIDTH / (SAMPLES - 1);
    const points = [];
    values.forEach((value, index) => {
      if (value === null) return;
      const x = WIDTH - (values.length - 1 - index) * step;
      points.push(`${x.toFixed(1)} ${(HEIGHT - 1 - (value / top) * (HEIGHT - 2)).toFixed(1)}`);
    });
    const curve = points.length > 1 ? `M${points.join("L")}` : "";
    setAttribute(this.line, "d", curve);
    const begin = curve ? points[0].split(" ")[0] : "";
    setAttribute(this.area, "d", curve && `${curve}L${WIDTH} ${HEIGHT}L${begin} ${HEIGHT}Z`);
    this.title.textContent = `${this.label} ${text}`;
    setAttribute(this.root, "aria-label", `${this.label} ${text}`);
  }
}
