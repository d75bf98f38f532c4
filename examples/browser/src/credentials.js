// The second way: the backend exchanges the token, and the page gets only AWS credentials.

import { ask } from "./backend.js";

/**
 * A credential provider for every client of the AWS SDK:
 *
 *     new S3Client({ region, credentials: fromBackend })
 *
 * The client calls it before its first request, and again once less than five minutes are left.
 */
export async function fromBackend() {
  const asked = Date.now();
  const { expiresIn, ...credentials } = await ask("POST", "/aws-credentials");
  // Not the backend's own time: the clock of the user's machine may be wrong.
  return { ...credentials, expiration: new Date(asked + expiresIn * 1000) };
}
