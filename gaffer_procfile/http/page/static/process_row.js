// ProcessRow: one row of the list of processes: a process, one of its instances, or both in one.

import { element, iconButton, setAttribute, setText } from "./dom.js";
import { bytes, duration, ending, isFailure, percent, plural } from "./format.js";
import { stateOf } from "./model.js";
import { Sparkline } from "./sparkline.js";

const WORDS = { "not-ready": "not ready", ready: "ready", "gave-up": "gave up", "backing-off": "starts again soon" };
const AT_REST = new Set(["stopped", "exited", "failed", "gave-up"]);

export class ProcessRow {
  // `actions` has a function per thing to do with `this.item`.
  constructor(actions) {
    this.item = null;
    this.dot = element("span", { class: "dot" });
    this.name = element("button", { type: "button", class: "name" });
    this.name.addEventListener("click", (event) =>
      event.ctrlKey || event.metaKey || event.shiftKey ? actions.showToo(this.item) : actions.show(this.item));
    this.port = element("a", { class: "port", target: "_blank", rel: "noopener noreferrer" });
    this.number = element("span", { class: "number" });
    this.fewer = iconButton("fewer", "One fewer (-)", () => actions.scale(this.item, -1));
    this.more = iconButton("more", "One more (+)", () => actions.scale(this.item, 1));
    this.scale = element("span", { class: "scale" }, this.fewer, this.number, this.more);
    this.info = iconButton("info", "Details (i)", () => actions.details(this.item));
    this.restart = iconButton("restart", "Restart (r)", () => actions.restart(this.item));
    this.start = iconButton("start", "Start (s)", () => actions.start(this.item));
    this.stop = iconButton("stop", "Stop (s)", () => actions.stop(this.item));
    this.state = element("span", { class: "state" });
    this.cpu = new Sparkline("cpu", "CPU", 10);
    this.memory = new Sparkline("memory", "memory", 16 * 1024 * 1024);
    this.cpuText = element("span", { class: "figure" });
    this.memoryText = element("span", { class: "figure" });
    this.figures = element("div", { class: "figures" },
      this.cpu.root, this.cpuText, this.memory.root, this.memoryText);
    this.root = element("li", { class: "row" },
      element("div", { class: "row-head" }, this.dot, this.name, this.port,
        element("span", { class: "actions" },
          element("span", { class: "rarer" }, this.scale, this.info), this.restart, this.start, this.stop)),
      this.state, this.figures);
  }

  // `item` is { key, process, instance }: no instance for a process with several of them.
  show(item, { isChosen, isActive, series, age, nameClass }) {
    this.item = item;
    const { process, instance } = item;
    const label = instance ? instance.process : process.name;
    const state = instance ? stateOf(instance) : stateOfAll(process);
    const isStopped = instance ? AT_REST.has(instance.state) : process.instances.every((each) => AT_REST.has(each.state));
    setAttribute(this.root, "class", `row ${item.kind}${isActive ? " active" : ""}`);
    setAttribute(this.root, "data-state", state);
    setAttribute(this.name, "aria-pressed", isChosen);
    setAttribute(this.name, "class", `name ${nameClass}`);
    setAttribute(this.name, "title", label);
    setText(this.name, label);
    setText(this.state, instance ? about(instance, age) : aboutAll(process));
    setAttribute(this.state, "title", this.state.textContent);
    this.showPort(instance?.port ?? null);
    this.showActions(item, label, isStopped);
    this.showFigures(series);
    for (const button of this.root.querySelectorAll("button, a")) setAttribute(button, "tabindex", isActive ? 0 : -1);
  }

  showPort(port) {
    this.port.hidden = port === null;
    if (port === null) return;
    const { hostname } = location;
    const host = /^127\.|^\[::1\]$/.test(hostname) ? "localhost" : hostname;
    setAttribute(this.port, "href", `http://${host}:${port}`);
    setAttribute(this.port, "title", `Open http://${host}:${port}`);
    setText(this.port, `:${port}`);
  }

  showActions(item, label, isStopped) {
    const isWhole = item.kind !== "instance";
    this.scale.hidden = !isWhole;
    this.info.hidden = !isWhole;
    this.start.hidden = !isWhole || !isStopped;
    this.stop.hidden = isStopped;
    this.restart.hidden = item.kind === "instance" && isStopped;
    setText(this.number, `×${item.process.numprocesses}`);
    this.fewer.disabled = item.process.numprocesses <= 0;
    for (const [button, verb] of [[this.fewer, "one fewer"], [this.more, "one more"], [this.info, "details"],
      [this.restart, "restart"], [this.start, "start"], [this.stop, "stop"]]) {
      setAttribute(button, "aria-label", `${label}: ${verb}`);
    }
  }

  showFigures(series) {
    setAttribute(this.figures, "class", series ? "figures" : "figures none");
    if (!series?.last) return;
    const { cpu, rss } = series.last;
    setText(this.cpuText, percent(cpu));
    setText(this.memoryText, bytes(rss));
    this.cpu.show(series.cpu, percent(cpu));
    this.memory.show(series.rss, bytes(rss));
  }
}

function about(instance, age) {
  const { state, uptime, restarts } = instance;
  const said = [WORDS[stateOf(instance)] ?? state];
  if (uptime !== null) said.push(duration(uptime + age));
  else if (instance.exit_status !== null) said.push(ending(instance));
  if (restarts) said.push(plural(restarts, "restart"));
  return said.join(" · ");
}

function aboutAll(process) {
  const said = [`${process.running} of ${process.numprocesses} running`];
  if (process.restarts) said.push(plural(process.restarts, "restart"));
  return said.join(" · ");
}

function stateOfAll(process) {
  const states = process.instances.map(stateOf);
  if (states.some((state) => state === "failed" || state === "gave-up")) return "failed";
  if (states.length === 0 || states.every((state) => AT_REST.has(state))) return "stopped";
  return states.every((state) => state === "running" || state === "ready") ? "running" : "starting";
}

// Whether what a slot ended with is worth a person's attention.
export function isBad(instance) {
  return instance.state === "gave-up" || instance.state === "failed"
    || (instance.state === "exited" && isFailure(instance));
}
