// The buttons that make this Cognito fail. Your own page does not need them.

import { ask } from "./backend.js";
import { $, note } from "./view.js";

/** Set up the two buttons. Returns Cognito's endpoint. */
export async function setUpDemo() {
  let { endpoint, down } = await ask("GET", "/demo");
  showOutage(down);

  $("throttle").addEventListener("click", async () => {
    await ask("POST", "/demo/throttle");
    note("POST /demo/throttle", 204, "Cognito will refuse the next few calls.");
  });

  $("outage").addEventListener("click", async () => {
    const method = down ? "DELETE" : "PUT";
    await ask(method, "/demo/outage");
    down = !down;
    showOutage(down);
    note(`${method} /demo/outage`, 204, down ? "Cognito is down." : "Cognito is up again.");
  });

  return endpoint;
}

function showOutage(down) {
  $("outage").textContent = down ? "Bring it back" : "Take it down";
  $("outage").classList.toggle("down", down);
}
