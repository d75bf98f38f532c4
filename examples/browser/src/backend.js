// The page's requests to its own backend. The browser sends the sign-in cookie by itself.

/** A refusal by the backend. */
export class Refused extends Error {
  constructor(call, status, { title, detail, retryAfter = 0 }) {
    super(detail || title);
    this.call = call;
    this.status = status;
    this.title = title;
    this.retryAfter = retryAfter; // seconds until a retry makes sense; 0 if never
  }
}

/** Call a route, and return its response. */
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

/** Get a token. Its age counts from the request, so it never looks younger than it is. */
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
