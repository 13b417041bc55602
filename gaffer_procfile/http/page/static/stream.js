// Stream: follows one resource by server-sent events, and knows where to go on after a break.

export class Stream {
  // `handlers` has a function per kind of message, and `lost` for the end of the connection.
  constructor(path, handlers) {
    this.path = path;
    this.handlers = handlers;
    this.source = null;
    this.next = null; // the id to go on with
  }

  get isOpen() {
    return this.source !== null;
  }

  // Begin, or go on where the last message left off; `parameters` are pairs.
  open(parameters, whereToBegin) {
    this.close();
    const begin = this.next === null ? whereToBegin : [["since", this.next]];
    const query = new URLSearchParams([["follow", "1"], ...parameters, ...begin]);
    const source = new EventSource(`${this.path}?${query}`);
    this.source = source;
    source.onerror = () => {
      if (source !== this.source) return;
      this.close(); // the link decides when to try again, not the browser
      this.handlers.lost();
    };
    for (const [kind, handle] of Object.entries(this.handlers)) {
      if (kind === "lost") continue;
      source.addEventListener(kind, (message) => {
        if (source !== this.source) return;
        if (message.lastEventId) this.next = following(message.lastEventId);
        handle(JSON.parse(message.data));
      });
    }
  }

  close() {
    this.source?.close();
    this.source = null;
  }

  // Forget where it was: the next `open` begins anew.
  forget() {
    this.close();
    this.next = null;
  }
}

function following(id) {
  const dash = id.lastIndexOf("-");
  return `${id.slice(0, dash + 1)}${Number(id.slice(dash + 1)) + 1}`;
}
