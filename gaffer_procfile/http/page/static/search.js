// Search: which lines have a text in them. It looks a little at a time, so that the page stays quick.

import { plain } from "./ansi.js";

const TURN = 6; // ms of looking in one turn

export class Search {
  // `onChange()` is called when there are more hits or none.
  constructor(lines) {
    this.lines = lines;
    this.onChange = () => {};
    this.timer = null;
    this.set("");
  }

  set(text) {
    this.text = text;
    // A capital in it means that capitals matter.
    const flags = text === text.toLowerCase() ? "gi" : "g";
    this.pattern = text === "" ? null : new RegExp(escaped(text), flags);
    this.restart();
  }

  restart() {
    this.found = []; // numbers of lines, in order; those before `gone` are no more
    this.gone = 0;
    this.looked = this.lines.first;
    this.current = null; // the number of the line that was gone to
    this.look();
  }

  get isDone() {
    return this.looked >= this.lines.end;
  }

  get isOn() {
    return this.pattern !== null;
  }

  get count() {
    return this.found.length - this.gone;
  }

  // Which of the hits is the current one, from 1; 0 if none is.
  get place() {
    if (this.current === null) return 0;
    const index = this.firstFrom(this.current);
    return this.found[index] === this.current ? index - this.gone + 1 : 0;
  }

  // There are more lines, or fewer.
  look() {
    if (this.pattern !== null && this.timer === null) {
      this.timer = setTimeout(() => this.lookOn(), 0);
    }
    if (this.pattern === null) this.onChange();
  }

  lookOn() {
    this.timer = null;
    if (this.pattern === null) return;
    const end = performance.now() + TURN;
    this.looked = Math.max(this.looked, this.lines.first);
    while (this.looked < this.lines.end) {
      const line = this.lines.at(this.looked);
      this.pattern.lastIndex = 0;
      if (!line.note && this.pattern.test(plain(line.line))) this.found.push(this.looked);
      this.looked += 1;
      if (this.looked % 64 === 0 && performance.now() > end) break;
    }
    this.forget();
    if (this.looked < this.lines.end) this.look();
    this.onChange();
  }

  forget() {
    while (this.gone < this.found.length && this.found[this.gone] < this.lines.first) this.gone += 1;
    if (this.gone > 10_000) {
      this.found.splice(0, this.gone);
      this.gone = 0;
    }
  }

  // Where in a line's text it is: [begin, end) each.
  hits(text) {
    if (this.pattern === null) return [];
    this.pattern.lastIndex = 0;
    return Array.from(text.matchAll(this.pattern), (hit) => [hit.index, hit.index + hit[0].length]);
  }

  // The line to go to from `number`: the next hit (1) or the one before (-1), round the ends.
  go(number, step) {
    this.forget();
    if (this.count === 0) return null;
    let index = this.firstFrom(step > 0 ? number + 1 : number) + (step > 0 ? 0 : -1);
    if (index < this.gone) index = this.found.length - 1;
    if (index >= this.found.length) index = this.gone;
    this.current = this.found[index];
    return this.current;
  }

  // The index of the first hit at or after `number`.
  firstFrom(number) {
    let low = this.gone;
    let high = this.found.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.found[middle] < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
