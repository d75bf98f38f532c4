"""
AWS clients of users: what the integrations with boto3 and aioboto3 are made of.

``credentials`` gives botocore a user's credentials, ``sessions`` makes botocore sessions that use
them, and ``shared`` hands out clients. ``bound`` is the only module that knows botocore's private
names. The modules for asyncio have ``async`` in their names. They may import values, events and
exceptions, and get the session that holds the credentials as an argument.
"""
