"""
AWS clients of users: what the integrations with boto3 and aioboto3 are made of.

``credentials`` gives botocore a user's credentials, and ``sessions`` makes botocore sessions that
use them. ``bound`` makes the clients of many users from one, and is the only module that knows
botocore's private names. ``log_filter`` keeps session tokens out of botocore's log. The modules for
asyncio have ``async`` in their names. This package may import values, events and exceptions; it
gets the session that holds the credentials as an argument.
"""
