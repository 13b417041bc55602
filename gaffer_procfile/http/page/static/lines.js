// Lines: the last lines of the log, in a bounded memory. Each has a number that stays: 0, 1, 2 …

import { styleAfter } from "./ansi.js";

const MOST_LINES = 100_000;
const MOST_CHARACTERS = 32 * 1024 * 1024;
const MOST_SOURCES = 2000;

export class Lines {
  constructor(mostLines = MOST_LINES, mostCharacters = MOST_CHARACTERS) {
    this.mostLines = mostLines;
    this.mostCharacters = mostCharacters;
    this.clear();
  }

  clear() {
    this.kept = new Array(this.mostLines);
    this.first = 0; // the number of the oldest
    this.end = 0; // the number after that of the newest
    this.characters = 0;
    this.styles = new Map(); // of each stream of a process: what its next line begins with
  }

  get length() {
    return this.end - this.first;
  }

  // Takes a line of the API; its colours go on from the last one of its stream.
  add(line) {
    const source = `${line.os_pid} ${line.stream}`;
    const style = this.styles.get(source) ?? null;
    const after = styleAfter(line.line, style);
    if (after !== style) this.keepStyle(source, after);
    line.style = style;
    this.keep(line);
  }

  // A line of ours in its place among them: what is missing here, for example.
  note(text) {
    this.styles.clear();
    this.keep({ note: text, line: text, style: null });
  }

  at(number) {
    return number >= this.first && number < this.end ? this.kept[number % this.mostLines] : undefined;
  }

  keep(line) {
    if (this.length === this.mostLines) this.drop();
    this.kept[this.end % this.mostLines] = line;
    this.end += 1;
    this.characters += line.line.length;
    while (this.characters > this.mostCharacters && this.length > 1) this.drop();
  }

  drop() {
    const place = this.first % this.mostLines;
    this.characters -= this.kept[place].line.length;
    this.kept[place] = undefined;
    this.first += 1;
  }

  keepStyle(source, style) {
    if (style === null) this.styles.delete(source);
    else if (this.styles.size < MOST_SOURCES) this.styles.set(source, style);
  }
}
