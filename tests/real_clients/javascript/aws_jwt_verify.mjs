// aws-jwt-verify, AWS's verifier of tokens for JavaScript.

import { JwtVerifier } from "aws-jwt-verify";
import { given, print } from "./observe.mjs";

const { issuer, audience } = given;

const verify = async (token, properties = {}) =>
  (await JwtVerifier.create({ issuer, audience, ...properties }).verify(token)).sub;

await print({
  verified: () => verify(given.token),
  changed: () => verify(given.changed),
  expired: () => verify(given.expired),
  signedByAnotherKey: () => verify(given.foreign),
  signedByAnUnknownKey: () => verify(given.unknown),
  forAnotherPool: () => verify(given.token, { audience: given.otherAudience }),

  // As in production, but for the address of the keys.
  byTheServicesIssuer: () =>
    verify(given.servicesToken, {
      issuer: "https://cognito-identity.amazonaws.com",
      jwksUri: `${given.services}/.well-known/jwks_uri`,
    }),
  ofAnotherIssuer: () => verify(given.servicesToken, { jwksUri: `${given.services}/.well-known/jwks_uri` }),

  async synchronously() {
    const verifier = JwtVerifier.create({ issuer, audience });
    await verifier.hydrate();
    return verifier.verifySync(given.token).sub;
  },

  // It takes keys by HTTPS only.
  byHttp: () => verify(given.token, { jwksUri: given.http }),
});
