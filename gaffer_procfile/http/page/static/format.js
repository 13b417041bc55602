// Numbers and times as a person reads them.

const NUMBER = new Intl.NumberFormat("en");

export const count = (number) => NUMBER.format(number);

export function plural(number, one, many = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : many}`;
}

export function duration(seconds) {
  const whole = Math.floor(Math.max(0, seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} m ${whole % 60} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} m`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

export function bytes(number) {
  if (number < 1024 * 1024) return `${Math.round(number / 1024)} kB`;
  const megabytes = number / 1024 / 1024;
  if (megabytes < 1000) return `${megabytes < 10 ? megabytes.toFixed(1) : Math.round(megabytes)} MB`;
  return `${(megabytes / 1024).toFixed(1)} GB`;
}

export function percent(number) {
  return `${number < 9.95 ? number.toFixed(1) : Math.round(number)} %`;
}

// The time of day in an ISO 8601 time, where gaffer runs: HH:MM:SS, or with milliseconds.
export const timeOfDay = (iso) => iso.slice(11, 19);
export const exactTimeOfDay = (iso) => iso.slice(11, 23);

// How a process ended, in words: { exit_status, term_signal, reason }.
export function ending(end) {
  if (end.reason) return String(end.reason);
  if (end.term_signal) return `killed by ${SIGNALS[end.term_signal] ?? `signal ${end.term_signal}`}`;
  return `exit ${end.exit_status}`;
}

export function isFailure(end) {
  return Boolean(end.exit_status || end.term_signal || end.reason);
}

const SIGNALS = {
  1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 6: "SIGABRT", 8: "SIGFPE",
  9: "SIGKILL", 11: "SIGSEGV", 13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM",
};
