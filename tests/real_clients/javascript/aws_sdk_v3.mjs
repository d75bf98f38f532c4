// The AWS SDK for JavaScript, version 3.

import * as cognito from "@aws-sdk/client-cognito-identity";
import * as sts from "@aws-sdk/client-sts";
import {
  fromCognitoIdentity,
  fromCognitoIdentityPool,
  fromWebToken,
} from "@aws-sdk/credential-providers";
import { given, print } from "./observe.mjs";

const { pool, guests, developer, own, logins, role } = given;
const clientConfig = { region: given.region, endpoint: given.endpoint, maxAttempts: 1 };
const faulty = { ...clientConfig, endpoint: given.default };
const backend = new cognito.CognitoIdentityClient(clientConfig);

const tokenOfAna = (client = backend) =>
  client.send(
    new cognito.GetOpenIdTokenForDeveloperIdentityCommand({
      IdentityPoolId: pool,
      Logins: { [developer]: "ana" },
    }),
  );

const assumeRole = (token) =>
  new sts.AssumeRoleWithWebIdentityCommand({
    RoleArn: role,
    RoleSessionName: "ana",
    WebIdentityToken: token,
  });

// Returns who STS says has signed a call with these credentials.
const signer = async (credentials) => {
  const client = new sts.STSClient({ ...clientConfig, credentials });
  return (await client.send(new sts.GetCallerIdentityCommand())).Arn;
};

const isLater = (date) => date instanceof Date && date > new Date();

const failure = async (module, call) => {
  try {
    await call;
  } catch (error) {
    const { name, message, $metadata } = error;
    const isInstance = module[name] !== undefined && error instanceof module[name];
    return {
      [isInstance ? "class" : "name"]: name,
      message,
      status: $metadata.httpStatusCode,
      hasRequestId: $metadata.requestId !== undefined,
    };
  }
};

// Returns the classes of the errors that an emulator was told to raise.
const classes = async (number, module, client, command) => {
  const seen = [];
  while (seen.length < number) seen.push((await failure(module, client.send(command))).class);
  return seen;
};

await print({
  async enhanced() {
    const { IdentityId, Token } = await tokenOfAna();
    const provider = fromCognitoIdentity({
      identityId: IdentityId,
      logins: { [own]: Token },
      clientConfig,
    });
    const { identityId, expiration } = await provider();
    return {
      signer: await signer(provider),
      sameIdentity: identityId === IdentityId,
      expires: isLater(expiration),
    };
  },

  guest: () => signer(fromCognitoIdentityPool({ identityPoolId: guests, clientConfig })),

  publicLogin: () => signer(fromCognitoIdentityPool({ identityPoolId: pool, logins, clientConfig })),

  customRole: () =>
    signer(
      fromCognitoIdentityPool({ identityPoolId: pool, logins, customRoleArn: role, clientConfig }),
    ),

  async basic() {
    const { Token } = await tokenOfAna();
    return signer(
      fromWebToken({ roleArn: role, roleSessionName: "ana", webIdentityToken: Token, clientConfig }),
    );
  },

  async basicOfAGuest() {
    const { IdentityId } = await backend.send(new cognito.GetIdCommand({ IdentityPoolId: guests }));
    const { Token } = await backend.send(new cognito.GetOpenIdTokenCommand({ IdentityId }));
    const answer = await new sts.STSClient(clientConfig).send(assumeRole(Token));
    return {
      audience: answer.Audience,
      sameSubject: answer.SubjectFromWebIdentityToken === IdentityId,
      expires: isLater(answer.Credentials.Expiration),
    };
  },

  async describe() {
    const { IdentityId } = await tokenOfAna();
    const found = await backend.send(new cognito.DescribeIdentityCommand({ IdentityId }));
    return { logins: found.Logins, isDate: found.CreationDate instanceof Date };
  },

  async pages() {
    const found = [];
    const pages = cognito.paginateListIdentityPools({ client: backend, pageSize: 1 }, {});
    for await (const page of pages) found.push(page.IdentityPools.map((each) => each.IdentityPoolId));
    return found;
  },

  unknownIdentity: () =>
    failure(
      cognito,
      backend.send(new cognito.GetCredentialsForIdentityCommand({ IdentityId: given.unknown })),
    ),

  async changedToken() {
    const { IdentityId } = await tokenOfAna();
    return failure(
      cognito,
      backend.send(
        new cognito.GetCredentialsForIdentityCommand({
          IdentityId,
          Logins: { [own]: given.changed },
        }),
      ),
    );
  },

  changedTokenInSts: () =>
    failure(sts, new sts.STSClient(clientConfig).send(assumeRole(given.changed))),

  expiredToken: () => failure(sts, new sts.STSClient(clientConfig).send(assumeRole(given.expired))),

  async attempts() {
    const client = new cognito.CognitoIdentityClient({ ...faulty, maxAttempts: 3 });
    await tokenOfAna(client);
    const user = { IdentityPoolId: pool, DeveloperUserIdentifier: "ana" };
    const answers = [
      await client.send(new cognito.LookupDeveloperIdentityCommand(user)),
      await client.send(new cognito.ListIdentitiesCommand({ IdentityPoolId: pool, MaxResults: 9 })),
    ];
    return answers.map((each) => each.$metadata.attempts);
  },

  async attemptsByALateClock() {
    const late = { ...clientConfig, endpoint: given.late, maxAttempts: 2 };
    const client = new cognito.CognitoIdentityClient(late);
    const answers = [await tokenOfAna(client), await tokenOfAna(client)];
    return answers.map((each) => each.$metadata.attempts);
  },

  wrongKey: () =>
    failure(sts, signer({ accessKeyId: process.env.AWS_ACCESS_KEY_ID, secretAccessKey: "wrong" })),

  cognitoErrors: () =>
    classes(
      given.cognitoErrors,
      cognito,
      new cognito.CognitoIdentityClient(faulty),
      new cognito.DescribeIdentityCommand({ IdentityId: given.unknown }),
    ),

  stsErrors: () =>
    classes(given.stsErrors, sts, new sts.STSClient(faulty), assumeRole(given.changed)),
});
