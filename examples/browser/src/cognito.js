// The page's request to Cognito.

import {
  CognitoIdentityClient,
  GetCredentialsForIdentityCommand,
} from "@aws-sdk/client-cognito-identity";

/** Trade a token for AWS credentials. Without an endpoint, it calls AWS itself. */
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
