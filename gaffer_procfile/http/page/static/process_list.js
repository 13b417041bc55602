// ProcessList: all processes, what can be done with them, and the one that keys act on.

import { Refused, post, segment } from "./api.js";
import { arrange, byId, element, iconButton, setText } from "./dom.js";
import { instanceKey, stateOf } from "./model.js";
import { ProcessRow, isBad } from "./process_row.js";

export class ProcessList {
  // `show()` brings the log into sight where it isn't, `details(process)` shows all of one.
  constructor(model, figures, notices, { show, details }) {
    this.model = model;
    this.figures = figures;
    this.notices = notices;
    this.show = show;
    this.details = details;
    this.list = byId("process-list");
    this.rows = new Map(); // ProcessRow by key
    this.heads = new Map(); // of groups
    this.items = [];
    this.active = null; // the key of the row that keys act on
    this.list.addEventListener("focusin", (event) => this.handleFocus(event));
    this.list.addEventListener("click", (event) => this.handleFocus(event)); // also beside the buttons
  }

  // ---- what it shows

  update() {
    this.items = [];
    const children = [];
    const groups = new Set(this.model.processes.map(({ group }) => group));
    let group;
    for (const process of this.model.processes) {
      if (groups.size > 1 && process.group !== group) {
        group = process.group;
        children.push(this.head(group));
      }
      for (const item of itemsOf(process)) {
        this.items.push(item);
        children.push(this.row(item.key).root);
      }
    }
    if (!this.items.some(({ key }) => key === this.active)) this.active = this.items[0]?.key ?? null;
    const keys = new Set(this.items.map(({ key }) => key));
    for (const key of this.rows.keys()) if (!keys.has(key)) this.rows.delete(key);
    arrange(this.list, children);
    this.paint();
  }

  // Show again what changes by itself: uptimes, figures, what is chosen.
  paint() {
    const { chosen, age } = this.model;
    for (const item of this.items) {
      this.row(item.key).show(item, {
        isChosen: chosen.includes(item.key),
        isActive: item.key === this.active,
        series: item.instance ? this.figures.series.get(item.instance.id) : undefined,
        age,
        nameClass: this.model.nameClass(item.process.name),
      });
    }
    byId("processes-empty").hidden = this.items.length > 0;
    setText(byId("processes-empty"), "Nothing to run: there are no processes.");
    this.summarize();
  }

  clear() {
    this.rows.clear();
    this.list.replaceChildren();
  }

  row(key) {
    let row = this.rows.get(key);
    if (row === undefined) {
      row = new ProcessRow(this.actions());
      this.rows.set(key, row);
    }
    return row;
  }

  head(group) {
    let head = this.heads.get(group);
    if (head === undefined) {
      const path = `/groups/${segment(group)}`;
      head = element("li", { class: "group" }, element("span", { class: "group-name", title: group }, group ?? "no group"));
      if (group !== null) {
        head.append(
          iconButton("restart", `${group}: restart all`, () => this.ask(`${path}/restart`)),
          iconButton("start", `${group}: start all`, () => this.ask(`${path}/start`)),
          iconButton("stop", `${group}: stop all`, () => this.ask(`${path}/stop`)),
        );
      }
      this.heads.set(group, head);
    }
    return head;
  }

  summarize() {
    const instances = this.model.instances();
    const counted = (test) => instances.filter(test).length;
    const bad = counted(isBad);
    const waiting = counted((each) => stateOf(each) === "not-ready");
    const said = [`${counted(({ state }) => state === "running")} running`];
    if (waiting) said.push(`${waiting} not ready`);
    setText(byId("summary"), instances.length ? said.join(" · ") : "");
    setText(byId("failures"), bad ? `${bad} failed` : "");
    document.title = `${bad ? `(${bad} failed) ` : ""}${byId("project").textContent || "gaffer"}`;
  }

  // ---- what can be done

  actions() {
    return {
      show: (item) => this.choose(item),
      showToo: (item) => this.model.toggle(item.key),
      details: ({ process }) => this.details(process),
      scale: ({ process }, by) => this.ask(`${pathOf(process)}/scale`, { by }),
      start: ({ process }) => this.ask(`${pathOf(process)}/start`),
      stop: (item) => this.ask(`${this.pathOfItem(item)}/stop`),
      restart: (item) => this.ask(`${this.pathOfItem(item)}/restart`),
    };
  }

  pathOfItem({ kind, process, instance }) {
    return kind === "instance" && instance.id !== null ? `/instances/${instance.id}` : pathOf(process);
  }

  choose(item) {
    this.model.chooseOnly(item.key);
    this.show();
  }

  async ask(path, body) {
    try {
      await post(path, body);
    } catch (error) {
      this.notices.fail(error instanceof Refused ? error.message : "gaffer doesn't answer");
    }
    this.model.refresh();
  }

  // ---- the row that keys act on

  get activeItem() {
    return this.items.find(({ key }) => key === this.active);
  }

  // Do one of the actions with it, by name.
  act(name, ...args) {
    if (this.activeItem !== undefined) this.actions()[name](this.activeItem, ...args);
  }

  startOrStop() {
    const row = this.rows.get(this.active);
    if (row !== undefined) this.act(row.stop.hidden ? "start" : "stop");
  }

  move(step) {
    const index = this.items.findIndex(({ key }) => key === this.active);
    const item = this.items[Math.min(this.items.length - 1, Math.max(0, index + step))];
    if (item === undefined) return;
    this.rows.get(item.key).name.setAttribute("tabindex", 0);
    this.rows.get(item.key).name.focus();
  }

  focus() {
    this.rows.get(this.active)?.name.focus();
  }

  handleFocus(event) {
    for (const [key, row] of this.rows) {
      if (row.root.contains(event.target) && key !== this.active) {
        this.active = key;
        this.paint();
      }
    }
  }
}

// A process with one instance is one row; with another number it is a row, and one for each of them.
function itemsOf(process) {
  const { name, instances } = process;
  if (instances.length === 1 && process.numprocesses === 1) {
    return [{ key: name, kind: "single", process, instance: instances[0] }];
  }
  const parts = instances.map((instance) => ({ key: instanceKey(instance), kind: "instance", process, instance }));
  return [{ key: name, kind: "whole", process, instance: null }, ...parts];
}

export const pathOf = (process) => `/processes/${segment(process.name)}`;

