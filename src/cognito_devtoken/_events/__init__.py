"""
What all events share, and how they are logged.

``base`` is the class under every event of the public module ``events``; ``log`` writes the lines of
the logger ``cognito_devtoken``. Nothing here knows about tokens. Every package except
``_values`` may import this one.
"""
