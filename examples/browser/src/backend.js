// What the page asks its own backend for. The cookie of the sign-in goes along by itself.

/** The backend's "no". */
export class Refused extends Error {
  constructor(call, status, { title, detail, retryAfter = 0 }) {
    super(detail || title);
    this.call = call;
    this.status = status;
    this.title = title;
    this.retryAfter = retryAfter; // in how many seconds another attempt makes sense, if ever
  }
}

/** Call a route, and give what it answers. */
export async function ask(method, path, body) {
  const call = `${method} ${path}`;
  const headers = body && { "Content-Type": "application/json" };
  let response;
  try {
    response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  } catch {
    throw new Refused(call, 0, { title: "The backend cannot be reached." });
  }
  if (response.status === 204) return undefined;
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  throw new Refused(call, response.status, {
    title: answer.title ?? response.statusText,
    detail: typeof answer.detail === "string" ? answer.detail : undefined,
    retryAfter: Number(response.headers.get("Retry-After")),
  });
}

/** A token. It ages from when it was asked for: it is never taken for younger than it is. */
export async function askForToken(path) {
  const asked = Date.now();
  const answer = await ask("POST", path);
  return {
    identityId: answer.IdentityId,
    token: answer.Token,
    fingerprint: answer.Fingerprint,
    lifetime: answer.Lifetime,
    expiresAt: asked + answer.ExpiresIn * 1000,
  };
}
