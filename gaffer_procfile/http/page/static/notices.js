// Notices: says something for a while, in a line of its own.

import { byId, setText } from "./dom.js";

const SHOWN = 4000; // ms
const SHOWN_LONGER = 12_000;

export class Notices {
  constructor() {
    this.target = byId("notice");
    this.timer = null;
    this.target.addEventListener("click", () => this.hide());
  }

  tell(text) {
    this.show(text, false, SHOWN);
  }

  fail(text) {
    this.show(text, true, SHOWN_LONGER);
  }

  show(text, isFailure, time) {
    clearTimeout(this.timer);
    setText(this.target, text);
    this.target.classList.toggle("failure", isFailure);
    this.target.hidden = false;
    this.timer = setTimeout(() => this.hide(), time);
  }

  hide() {
    this.target.hidden = true;
  }
}
