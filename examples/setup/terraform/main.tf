terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 4.0"
    }
  }
}

variable "backend_role" {
  description = "The name of the IAM role that your backend uses."
  type        = string
}

variable "bucket" {
  description = "The S3 bucket in which each user gets a folder."
  type        = string
}

variable "developer_provider" {
  description = "The name of your own sign-in. AWS does not let you change it later."
  type        = string
  default     = "login.example.com"
}

variable "administration" {
  description = "Whether the backend may also look up, unlink and delete identities."
  type        = bool
  default     = false
}

variable "cognito" {
  description = "The name of Cognito in policies. It is different in China and GovCloud."
  type        = string
  default     = "cognito-identity.amazonaws.com"
}

data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}
data "aws_region" "this" {}

locals {
  account   = data.aws_caller_identity.this.account_id
  partition = data.aws_partition.this.partition
  region    = split(":", aws_cognito_identity_pool.shop.id)[0]

  # Each file names the pool, account, region, bucket and partition of an example.
  policies = {
    for name in ["administration", "backend", "own-folder", "trust"] :
    name => replace(replace(replace(replace(replace(
      file("${path.module}/../../policies/${name}.json"),
      "us-east-1:00000000-0000-4000-8000-000000000000", aws_cognito_identity_pool.shop.id),
      "us-east-1:123456789012", "${local.region}:${local.account}"),
      "shop-uploads", var.bucket),
      "arn:aws:", "arn:${local.partition}:"),
    "cognito-identity.amazonaws.com", var.cognito)
  }
}

resource "aws_cognito_identity_pool" "shop" {
  identity_pool_name               = "shop"
  developer_provider_name          = var.developer_provider
  allow_unauthenticated_identities = false
  allow_classic_flow               = false
}

# The role that your users assume.
resource "aws_iam_role" "users" {
  name               = "shop-users"
  assume_role_policy = local.policies["trust"]
}

resource "aws_iam_role_policy" "users" {
  name   = "own-folder"
  role   = aws_iam_role.users.name
  policy = local.policies["own-folder"]
}

resource "aws_cognito_identity_pool_roles_attachment" "shop" {
  identity_pool_id = aws_cognito_identity_pool.shop.id
  roles            = { authenticated = aws_iam_role.users.arn }
}

# What your backend may do.
resource "aws_iam_role_policy" "backend" {
  name   = "cognito-tokens"
  role   = var.backend_role
  policy = local.policies["backend"]
}

resource "aws_iam_role_policy" "administration" {
  count  = var.administration ? 1 : 0
  name   = "cognito-administration"
  role   = var.backend_role
  policy = local.policies["administration"]
}

output "identity_pool_id" {
  value = aws_cognito_identity_pool.shop.id
}
