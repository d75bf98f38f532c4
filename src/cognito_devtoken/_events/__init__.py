"""
What all events share, and how they are logged.

``base`` has the base class of the events in the public module ``events``; ``log`` writes the lines
of the logger ``cognito_devtoken``. This package may import no other package of the library. Every
package except ``_values`` may import this one.
"""
