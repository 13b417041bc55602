// LogView: shows the rows that are in sight, of however many lines there are.

import { parse } from "./ansi.js";
import { element } from "./dom.js";
import { count, timeOfDay } from "./format.js";
import { styledNodes } from "./styled.js";

const ROW = 18; // px, as in log.css
const LONGEST = 2000; // characters of a line in its row; the whole one is shown when it is chosen
const LONGEST_RAW = 16_384; // the same with escape sequences
const MOST_RUNS = 300; // pieces of one style each
const SPARE = 8; // rows above and below

export class LogView {
  // `look(line)` says what else a row shows: { nameClass, showsName }. `choice` has the lines chosen.
  constructor(scroller, lines, search, choice, look) {
    this.scroller = scroller;
    this.space = scroller.firstElementChild;
    this.lines = lines;
    this.search = search;
    this.choice = choice;
    this.look = look;
    this.rows = new Map(); // by number of the line
    this.isFollowing = true;
    this.isDue = false;
    this.firstShown = 0; // the number of the oldest line when rows were last placed
    this.top = 0; // where we scrolled to, to tell it from what the person does
    this.onFollow = () => {};
    scroller.addEventListener("scroll", () => this.handleScroll(), { passive: true });
    new ResizeObserver(() => this.note()).observe(scroller);
  }

  // Something has changed: paint before the next frame.
  note() {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => {
      this.isDue = false;
      this.paint();
    });
  }

  // Make all rows anew: they look different now.
  repaint() {
    for (const row of this.rows.values()) row.remove();
    this.rows.clear();
    this.note();
  }

  follow(isFollowing) {
    if (this.isFollowing === isFollowing) return;
    this.isFollowing = isFollowing;
    this.onFollow(isFollowing);
    this.note();
  }

  handleScroll() {
    const { scrollTop, clientHeight, scrollHeight } = this.scroller;
    if (scrollTop < this.top - 1) this.follow(false);
    else if (scrollTop + clientHeight >= scrollHeight - ROW) this.follow(true);
    this.top = scrollTop;
    this.note();
  }

  // Bring a line into sight.
  show(number) {
    this.follow(false);
    const top = (number - this.lines.first) * ROW;
    const { scrollTop, clientHeight } = this.scroller;
    if (top < scrollTop || top + ROW > scrollTop + clientHeight) {
      this.paint(); // so that there is room for it
      this.scrollTo(Math.max(0, top - Math.floor(clientHeight / 2)));
    }
    this.note();
  }

  scrollTo(top) {
    this.scroller.scrollTop = top;
    this.top = this.scroller.scrollTop;
  }

  // The numbers of the lines in sight: [first, end).
  inSight() {
    const { scrollTop, clientHeight } = this.scroller;
    const first = this.lines.first + Math.floor(scrollTop / ROW);
    return [first, Math.min(this.lines.end, first + Math.ceil(clientHeight / ROW) + 1)];
  }

  paint() {
    const gone = this.lines.first - this.firstShown;
    this.firstShown = this.lines.first;
    this.space.style.height = `${this.lines.length * ROW}px`;
    if (this.isFollowing) this.scrollTo(this.lines.length * ROW);
    else if (gone > 0) this.scrollTo(Math.max(0, this.scroller.scrollTop - gone * ROW));
    const [first, end] = this.inSight();
    const from = Math.max(this.lines.first, first - SPARE);
    const to = Math.min(this.lines.end, end + SPARE);
    for (const [number, row] of this.rows) {
      if (number >= from && number < to) continue;
      row.remove();
      this.rows.delete(number);
    }
    let following = null;
    for (let number = to - 1; number >= from; number -= 1) {
      let row = this.rows.get(number);
      if (row === undefined) {
        row = this.makeRow(this.lines.at(number));
        row.dataset.number = number;
        this.rows.set(number, row);
        this.space.insertBefore(row, following);
      }
      row.style.transform = `translateY(${(number - this.lines.first) * ROW}px)`;
      row.classList.toggle("chosen", this.choice.has(number));
      row.classList.toggle("current", this.search.current === number);
      following = row;
    }
  }

  makeRow(line) {
    if (line.note) return element("div", { class: "line note" }, line.note);
    const row = element("div", { class: "line" });
    const { nameClass, showsName } = this.look(line);
    row.append(element("span", { class: "time" }, timeOfDay(line.time)));
    if (showsName) row.append(element("span", { class: `who ${nameClass}`, title: line.process }, line.process));
    if (line.stream === "stderr") row.classList.add("stderr");
    row.append(this.text(line));
    return row;
  }

  text(line) {
    const { runs, more } = beginning(line);
    const text = element("span", { class: "text" });
    text.append(...styledNodes(runs, this.search.hits(runs.map((run) => run.text).join(""))));
    if (more > 0) text.append(element("span", { class: "more" }, ` … ${count(more)} more characters`));
    else if (line.partial) text.append(element("span", { class: "more" }, " …"));
    return text;
  }
}

// What a row shows of a line, and how many characters it leaves out.
function beginning(line) {
  const raw = line.line;
  const isBegunAgain = raw.length > LONGEST_RAW && raw.includes("\r");
  const { runs } = parse(isBegunAgain ? raw.slice(-LONGEST_RAW) : raw.slice(0, LONGEST_RAW), line.style);
  const shown = [];
  let room = LONGEST;
  let left = isBegunAgain ? 0 : Math.max(0, raw.length - LONGEST_RAW);
  for (const { text, style } of runs) {
    const part = shown.length < MOST_RUNS ? text.slice(0, room) : "";
    if (part) shown.push({ text: part, style });
    room -= part.length;
    left += text.length - part.length;
  }
  return { runs: shown, more: left };
}
