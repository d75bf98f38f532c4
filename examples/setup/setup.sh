#!/bin/sh
# Usage: setup.sh BACKEND_ROLE BUCKET [administration]
set -eu

backend_role=$1
bucket=$2
developer_provider=${DEVELOPER_PROVIDER:-login.example.com}
# The name of Cognito in policies. It is different in China and GovCloud.
cognito=${COGNITO:-cognito-identity.amazonaws.com}
policies=$(dirname "$0")/../policies

pool_id=$(aws cognito-identity create-identity-pool --identity-pool-name shop \
    --developer-provider-name "$developer_provider" \
    --no-allow-unauthenticated-identities --no-allow-classic-flow \
    --query IdentityPoolId --output text)

# Each file names the pool, account, region, bucket and partition of an example.
policy() {
    sed -e "s/us-east-1:00000000-0000-4000-8000-000000000000/$pool_id/" \
        -e "s/us-east-1:123456789012/${pool_id%%:*}:${account:-}/" \
        -e "s/shop-uploads/$bucket/" \
        -e "s/arn:aws:/arn:${partition:-}:/" \
        -e "s/cognito-identity\.amazonaws\.com/$cognito/" "$policies/$1.json"
}

# The role that your users assume.
role_arn=$(aws iam create-role --role-name shop-users \
    --assume-role-policy-document "$(policy trust)" --query Role.Arn --output text)
partition=$(echo "$role_arn" | cut -d: -f2)
account=$(echo "$role_arn" | cut -d: -f5)
aws iam put-role-policy --role-name shop-users --policy-name own-folder \
    --policy-document "$(policy own-folder)"
aws cognito-identity set-identity-pool-roles --identity-pool-id "$pool_id" \
    --roles "authenticated=$role_arn"

# What your backend may do.
aws iam put-role-policy --role-name "$backend_role" --policy-name cognito-tokens \
    --policy-document "$(policy backend)"
if [ "${3:-}" = administration ]; then
    aws iam put-role-policy --role-name "$backend_role" --policy-name cognito-administration \
        --policy-document "$(policy administration)"
fi

echo "$pool_id"
