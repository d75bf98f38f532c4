"""
Values: request, token, role, credentials, lease, key, secret, clock, providers.

Everything here is pure: no I/O, no threads, and only one object that reads the system clocks. This
package may import only ``exceptions``; every layer above this one may import it. ``secret`` keeps
secrets out of reprs and pickles. ``operations`` names the AWS operations. ``trade`` has the rules
for exchanging a token for credentials: what is sent, and how the response is checked.
"""
