// The module `@azure/functions-core`: what a programming model library asks of its worker.

export class CoreApi {
  constructor({ root, logs }) {
    this.root = root;
    this.logs = logs;
  }
  install() {}
  freeze() {}
  find() { return undefined; }
  documents() { return []; }
  async runHooks() {}
}
