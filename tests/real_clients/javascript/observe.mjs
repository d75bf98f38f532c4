// Runs what a suite observes of its client, and prints it as JSON.

import dns from "node:dns";
import { readFileSync } from "node:fs";

// Without name lookups, nothing leaves this machine.
dns.lookup = (name) => {
  throw new Error(`tests may only connect to loopback, not to ${name}`);
};

// What the test knows: where its emulators are, and what to send them.
export const given = JSON.parse(readFileSync(0, "utf8"));

const text = (error) => {
  const code = error.code ?? error.constructor.name;
  while (error.cause instanceof Error) error = error.cause;
  return `${code}: ${error.message}`;
};

export async function print(observations) {
  const seen = {};
  for (const [name, observe] of Object.entries(observations)) {
    seen[name] = await observe().catch(text);
  }
  console.log(JSON.stringify(seen));
}
