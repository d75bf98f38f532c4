// The first way: the page gets a token, and exchanges it with Cognito itself.

import {
  CognitoIdentityClient,
  GetCredentialsForIdentityCommand,
} from "@aws-sdk/client-cognito-identity";

/** Exchange a token for AWS credentials. Without an endpoint, it calls AWS itself. */
export async function getCredentials({ identityId, token }, endpoint) {
  const region = identityId.split(":")[0];
  const client = new CognitoIdentityClient({ region, endpoint });
  // AWS in China accepts its tokens under another name.
  const provider = region.startsWith("cn-")
    ? `cognito-identity.${region}.amazonaws.com.cn`
    : "cognito-identity.amazonaws.com";
  const answer = await client.send(
    new GetCredentialsForIdentityCommand({
      IdentityId: identityId,
      Logins: { [provider]: token },
    }),
  );
  return answer.Credentials;
}
