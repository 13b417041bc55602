// Model: what is known of the processes, and which of them the log shows.

import { get } from "./api.js";

const SPACING = 250; // ms between two questions for the processes
const COLOURS = 12; // name-0 to name-11 in log.css, in the order of the console's

export class Model {
  // `onChange()` is called when the processes are known anew, `onChoice()` when others are chosen,
  // `onSilence()` when there is no answer.
  constructor() {
    this.onSilence = () => {};
    this.onChange = () => {};
    this.onChoice = () => {};
    this.processes = [];
    this.asked = 0; // when `processes` were asked for, by performance.now()
    this.chosen = []; // names of processes or `name.N` of their instances
    this.colours = new Map();
    this.timer = null;
  }

  // Ask for the processes; many wishes at once are one question.
  refresh() {
    if (this.timer !== null) return;
    const wait = Math.max(0, this.asked + SPACING - performance.now());
    this.timer = setTimeout(() => {
      this.timer = null;
      this.reload();
    }, wait);
  }

  async reload() {
    let answer;
    try {
      answer = await this.ask();
    } catch {
      return this.onSilence();
    }
    this.take(answer);
  }

  async load() {
    this.take(await this.ask());
  }

  ask() {
    this.asked = performance.now();
    return get("/processes");
  }

  take({ processes }) {
    this.processes = processes;
    for (const { name } of processes) {
      if (!this.colours.has(name)) this.colours.set(name, this.colours.size % COLOURS);
    }
    this.onChange();
    const known = this.chosen.filter((key) => this.isKnown(key));
    if (known.length < this.chosen.length) this.choose(known);
  }

  // ---- which the log shows

  choose(keys) {
    this.chosen = keys;
    this.onChoice();
  }

  // Show only this one, or all again.
  chooseOnly(key) {
    this.choose(this.chosen.length === 1 && this.chosen[0] === key ? [] : [key]);
  }

  // Show this one too, or not any more.
  toggle(key) {
    this.choose(this.chosen.includes(key) ? this.chosen.filter((each) => each !== key) : [...this.chosen, key]);
  }

  isKnown(key) {
    return this.processes.some(({ name, instances }) =>
      name === key || instances.some((instance) => instanceKey(instance) === key));
  }

  isInstance(key) {
    return this.processes.some(({ name, instances }) => instances.some((instance) =>
      instanceKey(instance) === key || (instances.length === 1 && name === key)));
  }

  // What can be chosen: [key, text].
  choices() {
    return this.processes.flatMap(({ name, instances }) => instances.length === 1
      ? [[name, instances[0].process]]
      : [[name, name], ...instances.map((instance) => [instanceKey(instance), instance.process])]);
  }

  streams() {
    const names = this.processes.flatMap(({ instances }) => instances.flatMap(({ streams }) => streams));
    return [...new Set(["stdout", "stderr", ...names])];
  }

  nameClass(name) {
    return `name-${this.colours.get(name) ?? 0}`;
  }

  instances() {
    return this.processes.flatMap(({ instances }) => instances);
  }

  // Seconds since a process was asked about.
  get age() {
    return (performance.now() - this.asked) / 1000;
  }
}

export const instanceKey = ({ name, instance }) => `${name}.${instance}`;

// What a person wants to know first of an instance.
export function stateOf({ state, ready }) {
  if (state !== "running" || ready === null) return state;
  return ready ? "ready" : "not-ready";
}
