"""
Processes that use the sessions at random while everything around them fails at random.

``nox -s chaos`` runs it. ``plan`` draws the troubles from a seed; ``conductor`` brings them about,
in a Redis (``store_server``), in a Cognito on loopback (``upstream``) and in the processes
(``member``), whose callers (``callers``) draw their operations (``steps``). Each process reports
what happened (``records``) while it runs, and ``checker`` compares that with what the library
promises. ``summary`` prints the result.

A seed repeats the troubles and the operations, but not how the threads interleave.
"""
