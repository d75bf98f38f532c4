// The AWS SDK for JavaScript, version 2.

import AWS from "aws-sdk";
import { given, print } from "./observe.mjs";

const { pool, guests, developer, own, logins, role } = given;
const config = { region: given.region, endpoint: given.endpoint, maxRetries: 0 };
const backend = new AWS.CognitoIdentity(config);

const tokenOfAna = (clientConfig) =>
  new AWS.CognitoIdentity(clientConfig).getOpenIdTokenForDeveloperIdentity({
    IdentityPoolId: pool,
    Logins: { [developer]: "ana" },
  });

const loginOfAna = async (clientConfig = config) => {
  const { IdentityId, Token } = await tokenOfAna(clientConfig).promise();
  return { IdentityId, Logins: { [own]: Token } };
};

const signer = async (credentials) =>
  (await new AWS.STS({ ...config, credentials }).getCallerIdentity().promise()).Arn;

// Gets credentials, signs a call with them, and refreshes them.
const use = async (params, clientConfig = config) => {
  const credentials = new AWS.CognitoIdentityCredentials(params, clientConfig);
  await credentials.getPromise();
  const arn = await signer(credentials);
  const key = credentials.accessKeyId;
  await credentials.refreshPromise();
  return {
    signer: arn,
    hasIdentity: credentials.identityId !== undefined,
    refreshed: key !== credentials.accessKeyId,
  };
};

const failure = async (request) => {
  try {
    await request.promise();
  } catch ({ code, message, statusCode, requestId }) {
    return { code, message, statusCode, hasRequestId: requestId !== undefined };
  }
};

await print({
  enhanced: async () => use(await loginOfAna()),
  enhancedWithAPublicLogin: () => use({ IdentityPoolId: pool, Logins: logins }),
  enhancedOfAGuest: () => use({ IdentityPoolId: guests }),

  // With RoleArn: GetId, GetOpenIdToken, and then AssumeRoleWithWebIdentity.
  classic: async () => use({ ...(await loginOfAna()), RoleArn: role, RoleSessionName: "ana" }),
  classicWithAPublicLogin: () => use({ IdentityPoolId: pool, Logins: logins, RoleArn: role }),
  classicOfAGuest: () => use({ IdentityPoolId: guests, RoleArn: role }),
  async classicByDefault() {
    const clientConfig = { ...config, endpoint: given.default };
    return use({ ...(await loginOfAna(clientConfig)), RoleArn: role }, clientConfig);
  },

  async webIdentity() {
    const { Logins } = await loginOfAna();
    return signer(
      new AWS.WebIdentityCredentials(
        { RoleArn: role, RoleSessionName: "ana", WebIdentityToken: Logins[own] },
        config,
      ),
    );
  },

  async retries() {
    const clientConfig = { ...config, endpoint: given.default, maxRetries: 2 };
    const cognito = new AWS.CognitoIdentity({ ...clientConfig, retryDelayOptions: { base: 1 } });
    const { $response } = await cognito.getIdentityPoolRoles({ IdentityPoolId: pool }).promise();
    return $response.retryCount;
  },

  async retriesByALateClock() {
    const late = { ...config, endpoint: given.late, maxRetries: 1, correctClockSkew: true };
    const { $response } = await tokenOfAna(late).promise();
    return $response.retryCount;
  },

  pages: () =>
    new Promise((resolve, reject) => {
      const found = [];
      backend.listIdentityPools({ MaxResults: 1 }).eachPage((error, page) => {
        if (error) reject(error);
        else if (page === null) resolve(found);
        else found.push(page.IdentityPools.map((each) => each.IdentityPoolId));
      });
    }),

  unknownIdentity: () => failure(backend.getCredentialsForIdentity({ IdentityId: given.unknown })),

  async changedToken() {
    const { IdentityId } = await loginOfAna();
    const Logins = { [own]: given.changed };
    return failure(backend.getCredentialsForIdentity({ IdentityId, Logins }));
  },

  changedTokenInSts: () =>
    failure(
      new AWS.STS(config).assumeRoleWithWebIdentity({
        RoleArn: role,
        RoleSessionName: "ana",
        WebIdentityToken: given.changed,
      }),
    ),
});
