// Puts the page together: the link to gaffer, what it tells, and the parts that show it.

import { Details } from "./details.js";
import { byId, setText } from "./dom.js";
import { EventList } from "./event_list.js";
import { Events } from "./events.js";
import { Figures } from "./figures.js";
import { Keys } from "./keys.js";
import { Link, WORDS } from "./link.js";
import { LogPanel } from "./log_panel.js";
import { Model, instanceKey } from "./model.js";
import { Notices } from "./notices.js";
import { ProcessList } from "./process_list.js";
import { Stream } from "./stream.js";
import { Timeline } from "./timeline.js";

const LOOK_AGAIN = 10_000; // ms: for what no event tells of

const notices = new Notices();
const model = new Model();
const events = new Events();
const link = new Link({ onState: showLink, onRun: begin, onLost: leave });
const log = new LogPanel(model, notices, link);
const figures = new Figures(() => processes.paint(), () => link.lose());
const details = new Details(notices);
const processes = new ProcessList(model, figures, notices, {
  show: () => showView("log"),
  details: (process) => details.show(process),
});
const timeline = new Timeline(events, model, () => figures.now(), chooseByName);
const eventList = new EventList(byId("event-list"), (name) => model.nameClass(name));
const happenings = new Stream("/events", {
  hello: () => link.confirm(),
  event: takeEvent,
  bye: () => link.lose("ended"),
  lost: () => link.lose(),
});

model.onChange = () => {
  processes.update();
  log.showFilter();
  noteHappening();
};
model.onSilence = () => {
  if (link.state === "live") link.lose();
};
model.onChoice = () => {
  processes.paint();
  log.begin();
};

// ---- the link

async function begin(run, isAnother) {
  if (isAnother) forget();
  setText(byId("project"), run.directory?.split("/").pop() || "");
  byId("project").title = run.directory ?? "";
  await model.load();
  log.showFilter();
  log.open();
  happenings.open([], [["since", "0"]]);
  figures.start();
  if (isAnother) notices.tell("gaffer was started anew: this is another run.");
}

function forget() {
  events.clear();
  timeline.clear();
  eventList.clear();
  figures.clear();
  happenings.forget();
  processes.clear();
  log.close();
  log.begin();
}

function leave() {
  log.close();
  happenings.close();
  figures.stop();
}

function showLink(state) {
  byId("link").dataset.state = state;
  setText(byId("link"), WORDS[state]);
  document.body.classList.toggle("cut-off", state === "lost" || state === "ended" || state === "refused");
}

// ---- what happens

let isHappeningDue = false;

function takeEvent(event) {
  events.add(event);
  model.refresh();
  noteHappening();
}

function noteHappening() {
  if (isHappeningDue) return;
  isHappeningDue = true;
  setTimeout(() => {
    isHappeningDue = false;
    timeline.paint();
    eventList.show(events.all);
  }, 100);
}

// What changes while nothing happens.
setInterval(() => {
  if (document.hidden) return;
  processes.paint();
  timeline.paint();
}, 1000);

setInterval(() => {
  if (!document.hidden && link.state === "live") model.refresh();
}, LOOK_AGAIN);

document.addEventListener("visibilitychange", () => {
  log.handleVisibility();
  if (document.hidden) return;
  link.hurry();
  if (link.state === "live") figures.start();
});
window.addEventListener("online", () => link.hurry());

// ---- where to look

function showView(view) {
  document.body.dataset.view = view;
  for (const tab of document.querySelectorAll("[data-shows]")) {
    if (tab.dataset.shows === view) tab.setAttribute("aria-current", "true");
    else tab.removeAttribute("aria-current");
  }
  log.view.note();
  timeline.paint();
}

for (const tab of document.querySelectorAll("[data-shows]")) {
  tab.addEventListener("click", () => showView(tab.dataset.shows));
}

function focusOn(view, target) {
  showView(view);
  target.focus();
}

function chooseByName(name) {
  const instance = model.instances().find(({ process }) => process === name);
  if (instance === undefined) return;
  const isOne = model.choices().some(([key]) => key === instance.name && model.isInstance(key));
  model.chooseOnly(isOne ? instance.name : instanceKey(instance));
  showView("log");
}

function escape() {
  if (document.activeElement === byId("search")) {
    byId("search").value = "";
    log.find("");
    byId("log").focus();
  } else if (!byId("line").hidden) log.leaveLine();
  else notices.hide();
}

// ---- keys

const keys = new Keys([
  ["Processes", [
    [["j", "ArrowDown"], "next process", () => processes.move(1)],
    [["k", "ArrowUp"], "the one before", () => processes.move(-1)],
    [["Enter"], "its log only, and all again", () => processes.act("show")],
    [["x"], "its log too", () => processes.act("showToo")],
    [["a"], "the log of all", () => model.choose([])],
    [["s"], "stop or start it", () => processes.startOrStop()],
    [["r"], "restart it", () => processes.act("restart")],
    [["+"], "one more", () => processes.act("scale", 1)],
    [["-"], "one fewer", () => processes.act("scale", -1)],
    [["i"], "command and settings", () => processes.act("details")],
  ]],
  ["Log", [
    [["/"], "search", () => focusOn("log", byId("search"))],
    [["n"], "next match", () => log.goToHit(1)],
    [["N"], "the match before", () => log.goToHit(-1)],
    [["p"], "pause, and go on", () => log.pause()],
    [["f"], "follow the end", () => log.toggleFollow()],
    [["g"], "to the first line", () => log.goToBegin()],
    [["G"], "to the last line", () => log.view.follow(true)],
    [["c"], "copy the chosen lines, or all", () => log.copy()],
  ]],
  ["Page", [
    [["1"], "processes", () => { showView("processes"); processes.focus(); }],
    [["2"], "log", () => focusOn("log", byId("log"))],
    [["3"], "events", () => focusOn("timeline", byId("event-list"))],
    [["t"], "dark or light", () => window.switchTheme()],
    [["Escape"], "leave the search, the line", escape],
    [["?"], "these keys", () => keys.show()],
  ]],
]);

byId("help").addEventListener("click", () => keys.show());
byId("theme").addEventListener("click", () => window.switchTheme());

showLink("connecting");
link.connect();
