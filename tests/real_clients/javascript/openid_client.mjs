// openid-client, a certified OpenID Connect client.

import * as client from "openid-client";
import { given, print } from "./observe.mjs";

const TOKEN_ENDPOINT = "https://127.0.0.1/token";
const METADATA = { id_token_signed_response_alg: "RS512" };

const discover = (address) =>
  client.discovery(new URL(address), given.audience, METADATA, client.None());

// Reads the token as the ID token of an application's own sign-in service.
const verify = async (token, audience = given.audience) => {
  const server = (await discover(given.issuer)).serverMetadata();
  const config = new client.Configuration(
    { ...server, token_endpoint: TOKEN_ENDPOINT },
    audience,
    METADATA,
    client.None(),
  );
  client.enableNonRepudiationChecks(config); // verifies signatures even of what TLS protects
  config[client.customFetch] = (url, options) =>
    url === TOKEN_ENDPOINT
      ? Response.json({ access_token: "any", token_type: "bearer", id_token: token })
      : fetch(url, options);
  return (await client.genericGrantRequest(config, "urn:example:any", {})).claims().sub;
};

await print({
  async discovered() {
    const { issuer, jwks_uri } = (await discover(given.issuer)).serverMetadata();
    return { issuer, jwks_uri };
  },

  async discoveredByTheAddressOfTheDocument() {
    const address = `${given.services}/.well-known/openid-configuration`;
    const { issuer, jwks_uri } = (await discover(address)).serverMetadata();
    return { issuer, jwks_uri };
  },

  discoveredElsewhereThanAtTheIssuer: () => discover(given.services),

  verified: () => verify(given.token),
  changed: () => verify(given.changed),
  expired: () => verify(given.expired),
  signedByAnotherKey: () => verify(given.foreign),
  signedByAnUnknownKey: () => verify(given.unknown),
  forAnotherPool: () => verify(given.token, given.otherAudience),
});
