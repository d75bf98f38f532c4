// Everything that the page shows.

export const $ = (id) => document.getElementById(id);

const MEANING = {
  none: "This page has no token. Ask for one.",
  fresh: "However often you ask, the backend returns this token from memory.",
  due: "If you ask now, you still get this token; the backend fetches the next in the background.",
  grace: "If you ask now, you wait for the next token. If none is available, you still get this one.",
  expired: "You can no longer exchange it. Credentials that you already have stay valid.",
};
const ENTRIES = 30;

export const clock = (time) => new Date(time).toLocaleTimeString("en-GB");

const minutes = (seconds) =>
  `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;

// Change only text that differs, because a screen reader may announce each change.
function setText(id, text) {
  if ($(id).textContent !== text) $(id).textContent = text;
}

export function showUser(user) {
  $("signed-out").hidden = Boolean(user);
  $("signed-in").hidden = $("who").hidden = !user;
  setText("user", user ?? "");
  $("entries").replaceChildren();
  $(user ? "token-title" : "name").focus();
}

export function showTokens(token, credentials) {
  setText("fingerprint", token?.fingerprint ?? "–");
  setText("token-until", token ? clock(token.expiresAt) : "–");
  setText("identity", token?.identityId ?? "–");
  setText("access-key", credentials ? `${credentials.AccessKeyId.slice(0, 6)}…` : "–");
  setText("credentials-until", credentials ? clock(credentials.Expiration) : "–");
  setText("ask", token ? "Ask again" : "Ask for a token");
  showLife(token);
}

export function showBackendCredentials(credentials) {
  setText("backend-key", credentials ? `${credentials.accessKeyId.slice(0, 6)}…` : "–");
  setText("backend-until", credentials ? clock(credentials.expiration) : "–");
}

/** The state that the backend's session sees: its windows are shares of a token's life. */
function stateOf(token, share) {
  if (!token) return "none";
  if (share <= 0) return "expired";
  if (share <= 1 / 10) return "grace";
  return share <= 1 / 3 ? "due" : "fresh";
}

export function showLife(token) {
  const left = token ? Math.max(0, (token.expiresAt - Date.now()) / 1000) : 0;
  const share = token ? left / token.lifetime : 0;
  const state = stateOf(token, share);
  setText("left", token ? minutes(Math.ceil(left)) : "–");
  setText("of", token ? `of ${minutes(token.lifetime)} left` : "");
  setText("state", state);
  setText("meaning", MEANING[state]);
  $("token").dataset.state = state;
  $("fill").style.transform = `translateX(${(share - 1) * 100}%)`;
  $("bar").setAttribute("aria-valuenow", Math.round(share * 100));
  $("bar").setAttribute("aria-valuetext", token ? `${$("left").textContent} left` : "no token");
}

// Not "disabled": the button would lose the focus.
export function showBusy(busy) {
  for (const id of ["ask", "refresh", "revoke", "provide"]) $(id).setAttribute("aria-disabled", busy);
}

export function showWaiting(refusal, seconds) {
  $("waiting").hidden = false;
  setText("refusal", `${refusal.status} ${refusal.title}`);
  setText("seconds", seconds > 0 ? `Trying again in ${seconds} s` : "Trying again …");
}

export function hideWaiting() {
  if ($("waiting").contains(document.activeElement)) $("ask").focus();
  $("waiting").hidden = true;
}

/**
 * Log the outcome of a call, latest first. Status 0 means that no response came, null that no
 * request was needed.
 */
export function note(call, status, sentence) {
  const good = status === null || (status >= 200 && status < 300);
  const line = element("p", "call", "");
  line.append(
    element("span", good ? "good" : "bad", status || "–"),
    element("span", "", call),
    element("time", "", clock(Date.now())),
  );
  const entry = element("li", "", "");
  entry.append(line, element("p", "", sentence));
  $("entries").prepend(entry);
  if ($("entries").children.length > ENTRIES) $("entries").lastChild.remove();
}

function element(name, className, text) {
  return Object.assign(document.createElement(name), { className, textContent: text });
}
