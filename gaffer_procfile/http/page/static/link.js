// Link: whether gaffer is there, and whether it is still the same run. Tries again when it is lost.

import { get } from "./api.js";

const FIRST_PAUSE = 300; // ms
const LONGEST_PAUSE = 4000;

export const WORDS = {
  connecting: "connecting",
  live: "live",
  lost: "gaffer doesn't answer, trying again",
  ended: "gaffer has ended, waiting for the next run",
  refused: "not allowed: open the address that gaffer shows",
};

export class Link {
  // `onRun(run, isAnother)` is called when it is there (again); it opens what was closed by `onLost()`.
  constructor({ onState, onRun, onLost }) {
    this.onState = onState;
    this.onRun = onRun;
    this.onLost = onLost;
    this.state = "connecting";
    this.run = null;
    this.pause = FIRST_PAUSE;
    this.timer = null;
  }

  async connect() {
    clearTimeout(this.timer);
    this.timer = null;
    try {
      const run = await get("/run");
      const isAnother = this.run !== null && this.run !== run.run;
      this.run = run.run;
      await this.onRun(run, isAnother);
      this.become("live");
    } catch (error) {
      this.lose(error.status === 401 || error.status === 403 ? "refused" : this.wasEnded());
    }
  }

  // The connection broke, or what was asked on it wasn't answered.
  lose(state = "lost") {
    this.onLost();
    this.become(state);
    if (this.timer !== null) return;
    this.timer = setTimeout(() => this.connect(), this.pause);
    this.pause = Math.min(LONGEST_PAUSE, this.pause * 2);
  }

  // A stream has begun: the next loss is a new one.
  confirm() {
    this.pause = FIRST_PAUSE;
  }

  // Don't wait for the pause to be over: somebody looks again.
  hurry() {
    if (this.timer !== null) this.connect();
  }

  wasEnded() {
    return this.state === "ended" ? "ended" : "lost";
  }

  become(state) {
    this.state = state;
    this.onState(state);
  }
}
