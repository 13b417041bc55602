// Details: the command and the settings of one process, in a dialog.

import { get } from "./api.js";
import { byId, element, setText } from "./dom.js";
import { pathOf } from "./process_list.js";

const ORDER = ["cmd", "args", "cwd", "restart", "numprocesses", "port", "stop_signal", "stop_timeout", "depends_on"];

export class Details {
  constructor(notices) {
    this.notices = notices;
  }

  async show(process) {
    try {
      const { name, cmd, settings } = await get(pathOf(process));
      setText(byId("details-title"), name);
      byId("details-list").replaceChildren(...entries({ cmd, ...settings }));
      if (!byId("details").open) byId("details").showModal();
    } catch (error) {
      this.notices.fail(error.message);
    }
  }
}

function entries(settings) {
  const others = Object.keys(settings).filter((name) => !ORDER.includes(name) && name !== "env");
  const names = [...ORDER.filter((name) => name in settings), ...others];
  const found = names.filter((name) => !isNothing(settings[name]))
    .map((name) => entry(name.replaceAll("_", " "), asText(settings[name])));
  const env = Object.entries(settings.env ?? {}).sort(([one], [other]) => (one < other ? -1 : 1));
  return [...found, ...env.map(([name, value]) => entry(name, String(value), "variable"))].flat();
}

function entry(name, text, kind = "setting") {
  return [element("dt", { class: kind }, name), element("dd", {}, text)];
}

// What is off is told too: `stop_tree` is on unless somebody has said otherwise.
const isNothing = (value) => value === null || value === "" || (Array.isArray(value) && !value.length);

function asText(value) {
  if (Array.isArray(value)) return value.map(asText).join(" ");
  if (value !== null && typeof value === "object") {
    return Object.entries(value).map(([name, each]) => `${name} ${asText(each)}`).join(", ");
  }
  return typeof value === "boolean" ? (value ? "yes" : "no") : String(value);
}
