// What the page asks Cognito for.

import {
  CognitoIdentityClient,
  GetCredentialsForIdentityCommand,
} from "@aws-sdk/client-cognito-identity";

/** Trade a token for AWS credentials. Without an endpoint, with AWS itself. */
export async function getCredentials({ identityId, token }, endpoint) {
  const region = identityId.split(":")[0];
  const client = new CognitoIdentityClient({ region, endpoint });
  const answer = await client.send(
    new GetCredentialsForIdentityCommand({
      IdentityId: identityId,
      Logins: { "cognito-identity.amazonaws.com": token },
    }),
  );
  return answer.Credentials;
}
