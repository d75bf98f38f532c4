// The page. It keeps the token and the credentials in memory only, and never shows them.

import { CognitoIdentityClient } from "@aws-sdk/client-cognito-identity";
import { Refused, ask, askForToken } from "./backend.js";
import { getCredentials } from "./cognito.js";
import { fromBackend } from "./credentials.js";
import { setUpDemo } from "./demo.js";
import {
  $,
  clock,
  hideWaiting,
  note,
  showBackendCredentials,
  showBusy,
  showLife,
  showTokens,
  showUser,
  showWaiting,
} from "./view.js";

let endpoint;
let token;
let credentials;
let client; // of the AWS SDK, which gets its credentials from the backend
let provided;
let busy = false;
let waiting;

/** Do one thing at a time. A new action cancels a pending retry. */
async function act(work) {
  if (busy) return;
  clearInterval(waiting);
  setBusy(true);
  try {
    await work();
    hideWaiting();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    note(error.call, error.status, error.message);
    if (error.status === 401) enter(null);
    if (error.retryAfter) tryAgain(work, error);
    else hideWaiting();
  } finally {
    setBusy(false);
  }
}

/** Retry when the backend says so: an earlier attempt would fail. */
function tryAgain(work, refusal) {
  let seconds = refusal.retryAfter;
  showWaiting(refusal, seconds);
  waiting = setInterval(() => {
    seconds -= 1;
    showWaiting(refusal, seconds);
    if (seconds === 0) act(work);
  }, 1000);
}

function stopTrying() {
  clearInterval(waiting);
  hideWaiting();
}

function setBusy(now) {
  busy = now;
  showBusy(now);
}

function hold(newToken, newCredentials) {
  token = newToken;
  credentials = newCredentials;
  showTokens(token, credentials);
}

async function getToken(path, ifAnother, ifSame) {
  const got = await askForToken(path);
  const same = got.fingerprint === token?.fingerprint;
  note(`POST ${path}`, 200, same ? ifSame : ifAnother);
  hold(got, credentials);
  if (same && credentials) return;
  hold(got, (await exchange(got, "Cognito returned credentials for it.")) ?? credentials);
}

/** Exchange a token for credentials, and log the outcome. Returns undefined if that fails. */
async function exchange(token, sentence) {
  const call = "GetCredentialsForIdentity";
  try {
    const got = await getCredentials(token, endpoint);
    note(call, 200, sentence);
    return got;
  } catch (error) {
    const status = error.$metadata?.httpStatusCode;
    note(call, status, status ? `Cognito refused: ${error.name}.` : "Cognito cannot be reached.");
    return undefined;
  }
}

const get = () =>
  getToken(
    "/cognito-token",
    "The backend returned a token.",
    "The same token, from the backend's memory.",
  );

const refresh = () =>
  getToken(
    "/cognito-token/refresh",
    "A new token. The old one stays valid until it expires.",
    "The same token: Cognito reissues it within one second.",
  );

async function fromBackendWithNote() {
  const got = await fromBackend();
  note("POST /aws-credentials", 200, "The backend returned credentials.");
  return got;
}

/** Get the credentials of a client of the SDK, as it does itself before each request to AWS. */
async function provide() {
  client ??= new CognitoIdentityClient({ region: "us-east-1", credentials: fromBackendWithNote });
  const got = await client.config.credentials();
  if (got === provided) note("AWS SDK", null, "The same credentials, from the SDK's memory.");
  provided = got;
  showBackendCredentials(provided);
}

function forget() {
  hold();
  client = provided = undefined;
  showBackendCredentials();
}

async function revoke() {
  await ask("DELETE", "/cognito-token");
  note("DELETE /cognito-token", 204, "The backend has forgotten your token, and so has this page.");
  const old = token;
  forget();
  if (!old) return;
  const until = clock(old.expiresAt);
  await exchange(old, `Cognito still accepts the old token, until ${until}.`);
}

function enter(user) {
  forget();
  showUser(user);
}

async function signIn(event) {
  event.preventDefault();
  const user = $("name").value;
  $("sign-in-error").textContent = "";
  try {
    await ask("POST", "/sign-in", { user });
  } catch (error) {
    $("sign-in-error").textContent = error.message;
    return;
  }
  enter(user);
  act(get);
}

async function signOut() {
  await ask("DELETE", "/sign-in");
  location.reload(); // nothing stays in memory, whatever was in progress
}

$("sign-in").addEventListener("submit", signIn);
$("sign-out").addEventListener("click", signOut);
$("ask").addEventListener("click", () => act(get));
$("refresh").addEventListener("click", () => act(refresh));
$("revoke").addEventListener("click", () => act(revoke));
$("provide").addEventListener("click", () => act(provide));
$("stop").addEventListener("click", stopTrying);
setInterval(() => showLife(token), 1000);

endpoint = await setUpDemo();
const { user } = await ask("GET", "/sign-in");
enter(user);
if (user) act(get);
