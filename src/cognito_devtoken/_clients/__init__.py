"""
AWS clients of users: the code shared by the integrations with boto3 and aioboto3.

``credentials`` gives botocore a user's credentials, and ``sessions`` makes botocore sessions that
use them. ``bound`` makes the clients of many users from one template client. ``asynchronous`` has
the counterparts of all three for aiobotocore. Only ``bound`` and ``asynchronous`` use botocore's
private names. ``log_filter`` keeps session tokens out of botocore's log, and ``warning`` reports
that clients are not shared. This package may import values, events and exceptions; callers pass in
the session that provides the credentials.
"""
