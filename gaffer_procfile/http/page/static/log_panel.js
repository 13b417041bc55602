// LogPanel: the log with its tools: which process and stream, search, pause, follow, copy.

import { parse, plain } from "./ansi.js";
import { Choice } from "./choice.js";
import { copy } from "./clipboard.js";
import { byId, element, setText } from "./dom.js";
import { count, exactTimeOfDay, plural, timeOfDay } from "./format.js";
import { Lines } from "./lines.js";
import { LogView } from "./log_view.js";
import { Search } from "./search.js";
import { Stream } from "./stream.js";
import { styledNodes } from "./styled.js";

const FIRST = 15_000; // lines of history to begin with
const HELD = 5000; // lines that may still go before those in sight
const SEVERAL = "\n"; // the value in the list of processes that no process can have

export class LogPanel {
  // `model` knows the processes, `notices` tell, `link` hears of the stream.
  constructor(model, notices, link) {
    this.model = model;
    this.notices = notices;
    this.chosenStream = "";
    this.isPaused = false;
    this.isLinked = false;
    this.isHeld = false; // paused by us, for the sake of what is being read
    this.skipped = 0;
    this.step = 0; // the way to the hit that is waited for
    this.lines = new Lines();
    this.choice = new Choice();
    this.search = new Search(this.lines);
    this.view = new LogView(byId("log"), this.lines, this.search, this.choice, (line) => this.look(line));
    this.stream = new Stream("/logs", {
      lines: (lines) => this.take(lines),
      skipped: ({ skipped }) => this.skip(skipped),
      bye: () => link.lose("ended"),
      lost: () => link.lose(),
    });
    this.search.onChange = () => this.showHits();
    this.view.onFollow = (isFollowing) => this.handleFollow(isFollowing);
    this.listen();
    this.showEmpty();
  }

  listen() {
    byId("pause").addEventListener("click", () => this.pause());
    byId("follow").addEventListener("click", () => this.toggleFollow());
    byId("copy").addEventListener("click", () => this.copy());
    byId("search").addEventListener("input", (event) => this.find(event.target.value));
    byId("search").addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.goToHit(event.shiftKey ? -1 : 1);
    });
    byId("search-next").addEventListener("click", () => this.goToHit(1));
    byId("search-previous").addEventListener("click", () => this.goToHit(-1));
    byId("log-process").addEventListener("change", (event) => {
      this.model.choose(event.target.value === "" ? [] : [event.target.value]);
    });
    byId("log-stream").addEventListener("change", (event) => {
      this.chosenStream = event.target.value;
      this.begin();
    });
    byId("log").addEventListener("click", (event) => this.handleClick(event));
    byId("log").addEventListener("mousedown", (event) => {
      if (event.shiftKey) event.preventDefault(); // it chooses lines, and marks no text
    });
    byId("log").addEventListener("keydown", (event) => this.handleKey(event));
    byId("line-close").addEventListener("click", () => this.leaveLine());
    document.addEventListener("selectionchange", () => this.handleSelection());
  }

  // ---- the stream

  // Follow, from where it was left; with another choice of processes it begins anew.
  open() {
    this.isLinked = true;
    if (this.isPaused || document.hidden) return;
    const parameters = this.model.chosen.map((name) => ["process", name]);
    if (this.chosenStream) parameters.push(["stream", this.chosenStream]);
    this.stream.open(parameters, [["n", FIRST]]);
  }

  close() {
    this.isLinked = false;
    this.stream.close();
  }

  // Show another choice of lines, or those of another run.
  begin() {
    this.stream.forget();
    this.lines.clear();
    this.choice.clear();
    this.leaveLine();
    this.skipped = 0;
    this.showSkipped();
    this.search.restart();
    this.view.repaint();
    this.view.follow(true);
    this.showFilter();
    this.showEmpty();
    if (this.isPaused) this.pause();
    else if (this.isLinked) this.open();
  }

  // A tab in the background leaves its connection to others: a browser has but six.
  handleVisibility() {
    if (document.hidden) this.stream.close();
    else if (this.isLinked && !this.stream.isOpen) this.open();
  }

  take(lines) {
    for (const line of lines) this.lines.add(line);
    if (lines.length) this.showEmpty();
    this.search.look();
    this.view.note();
    this.holdWhatIsRead(lines.length);
  }

  // Newer lines take the place of the oldest. Not of those that somebody reads: then it pauses.
  holdWhatIsRead(speed) {
    if (this.isPaused || this.view.isFollowing || this.lines.length < this.lines.mostLines) return;
    if (this.view.inSight()[0] - this.lines.first > Math.max(HELD, 2 * speed)) return;
    this.pause();
    this.isHeld = true;
    this.notices.tell("Paused: newer lines would have taken the place of these.");
  }

  skip(skipped) {
    this.skipped += skipped;
    this.lines.note(`${plural(skipped, "line")} skipped: more came than can be shown`);
    this.showSkipped();
    this.view.note();
  }

  // ---- what its rows look like

  look(line) {
    return { nameClass: this.model.nameClass(line.name), showsName: !this.isOfOne };
  }

  // Whether all lines are of one instance, so that no row needs to say of which.
  get isOfOne() {
    const [name, ...others] = this.model.chosen;
    return others.length === 0 && name !== undefined && this.model.isInstance(name);
  }

  showFilter() {
    const { chosen } = this.model;
    const options = [["", "All processes"], ...this.model.choices()];
    if (chosen.length > 1) options.push([SEVERAL, plural(chosen.length, "process", "processes")]);
    const value = chosen.length > 1 ? SEVERAL : chosen[0] ?? "";
    offer(byId("log-process"), options, value);
    const streams = this.model.streams().map((stream) => [stream, stream]);
    offer(byId("log-stream"), [["", "All streams"], ...streams], this.chosenStream);
  }

  showEmpty() {
    const empty = byId("log-empty");
    empty.hidden = this.lines.length > 0;
    setText(empty, this.model.chosen.length || this.chosenStream ? "No lines of these yet." : "No output yet.");
  }

  showSkipped() {
    byId("skipped").hidden = this.skipped === 0;
    setText(byId("skipped"), `${count(this.skipped)} skipped`);
  }

  // ---- pause and follow

  // Nothing is taken while it is paused: afterwards it goes on where it was.
  pause() {
    this.isPaused = !this.isPaused;
    this.isHeld = false;
    byId("pause").setAttribute("aria-pressed", this.isPaused);
    if (this.isPaused) this.stream.close();
    else if (this.isLinked) this.open();
  }

  toggleFollow() {
    this.view.follow(!this.view.isFollowing);
  }

  handleFollow(isFollowing) {
    byId("follow").setAttribute("aria-pressed", isFollowing);
    if (isFollowing && this.isHeld) this.pause();
  }

  goToBegin() {
    if (this.lines.length) this.view.show(this.lines.first);
  }

  // ---- search

  find(text) {
    this.search.set(text);
    this.view.repaint();
  }

  showHits() {
    const hits = this.search.count;
    if (this.step !== 0 && hits > 0) return this.goToHit(this.step);
    const { isOn, place } = this.search;
    setText(byId("search-count"), !isOn ? "" : place ? `${count(place)} of ${count(hits)}` : count(hits));
    byId("search-count").classList.toggle("none", isOn && hits === 0);
  }

  goToHit(step) {
    if (!this.search.isOn) return;
    // Who is quicker than the search goes there as soon as it has found something.
    this.step = this.search.count === 0 && !this.search.isDone ? step : 0;
    const number = this.hitFrom(step);
    if (number === null) return;
    this.view.show(number);
    this.holdWhatIsRead(0);
    this.showHits();
  }

  // The hit to go to; the first one is the newest, unless older lines are in sight.
  hitFrom(step) {
    const { current } = this.search;
    if (current !== null && this.lines.at(current) !== undefined) return this.search.go(current, step);
    if (this.view.isFollowing) return this.search.go(this.lines.end, -1);
    const [first, end] = this.view.inSight();
    return this.search.go(step > 0 ? first - 1 : end, step);
  }

  // ---- chosen lines

  handleClick(event) {
    const row = event.target.closest(".line");
    if (row === null || !document.getSelection().isCollapsed) return;
    this.choose(Number(row.dataset.number), event.shiftKey);
  }

  handleKey(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined || this.choice.isEmpty || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const number = this.choice.end + step;
    if (this.lines.at(number) !== undefined) this.choose(number, event.shiftKey);
  }

  choose(number, isRange) {
    const line = this.lines.at(number);
    if (line === undefined) return; // newer lines have just taken its place
    this.choice.choose(number, isRange);
    byId("line").hidden = false;
    setText(byId("line-facts"), facts(line));
    byId("line-text").replaceChildren(...styledNodes(parse(line.line, line.style).runs));
    this.view.show(number);
  }

  leaveLine() {
    this.choice.clear();
    byId("line").hidden = true;
    this.view.note();
  }

  // What is being marked shouldn't run away.
  handleSelection() {
    const selection = document.getSelection();
    if (!selection.isCollapsed && byId("log").contains(selection.anchorNode)) this.view.follow(false);
  }

  async copy() {
    const [first, end] = this.choice.isEmpty ? [this.lines.first, this.lines.end] : this.choice.range();
    const texts = [];
    for (let number = Math.max(first, this.lines.first); number < end; number += 1) {
      texts.push(this.asText(this.lines.at(number)));
    }
    if (texts.length === 0) return this.notices.tell("There is nothing to copy.");
    try {
      await copy(`${texts.join("\n")}\n`);
      this.notices.tell(`${plural(texts.length, "line")} copied.`);
    } catch (error) {
      this.notices.fail(`Not copied: ${error.message}`);
    }
  }

  asText(line) {
    if (line.note) return `[${line.note}]`;
    const text = plain(line.line);
    return this.isOfOne ? text : `${timeOfDay(line.time)} ${line.process} | ${text}`;
  }
}

function facts(line) {
  if (line.note) return "";
  const said = [exactTimeOfDay(line.time), line.process, line.stream, `pid ${line.os_pid}`];
  if (line.partial) said.push("cut: the rest follows");
  if (line.base64) said.push("not UTF-8");
  return said.join(" · ");
}

// The options of a list, by value and text.
function offer(list, options, value) {
  const key = JSON.stringify(options);
  if (list.dataset.key !== key) {
    list.dataset.key = key;
    list.replaceChildren(...options.map(([each, text]) => element("option", { value: each }, text)));
  }
  list.value = value;
}
