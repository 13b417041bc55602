// Choice: the lines that a person has chosen in the log, from one to another.

export class Choice {
  constructor() {
    this.clear();
  }

  clear() {
    this.begin = null;
    this.end = null;
  }

  get isEmpty() {
    return this.begin === null;
  }

  // Choose one line, or all from the one chosen first to it.
  choose(number, isRange) {
    if (!isRange || this.begin === null) this.begin = number;
    this.end = number;
  }

  // [first, end) of the lines.
  range() {
    return [Math.min(this.begin, this.end), Math.max(this.begin, this.end) + 1];
  }

  has(number) {
    if (this.begin === null) return false;
    const [first, end] = this.range();
    return number >= first && number < end;
  }
}
