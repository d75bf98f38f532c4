"""
The scripts that a Redis server runs for the operations of a store.

Law of this module: each script takes one round trip and is atomic, and all Redis keys that it uses
are in one slot of a cluster.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple


class Script(NamedTuple):
    """A script, and the digest by which a server finds the script after its first run."""

    text: str
    sha: str

    @classmethod
    def of(cls, text: str) -> Script:
        """Return a script with its digest."""
        return cls(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


_LOOK = "redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1]), redis.call('TIME')"
READ = Script.of(f"return {{{_LOOK}}}")
CLAIM = Script.of(
    "local granted = redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) "
    f"return {{granted and 1 or 0, {_LOOK}}}"
)
_IF_OWNER = "if redis.call('GET', KEYS[2]) == ARGV[1] then return redis.call({}) end return 0"
RENEW = Script.of(_IF_OWNER.format("'PEXPIRE', KEYS[2], ARGV[2]"))
_FREE = _IF_OWNER.format("'DEL', KEYS[2]")
RELEASE = Script.of(_FREE)
# PEXPIREAT takes an instant by the server's clock. With a number of seconds instead, a command that
# arrives late would make the token look younger than it is.
WRITE = Script.of(
    f"redis.call('SET', KEYS[1], ARGV[2]) redis.call('PEXPIREAT', KEYS[1], ARGV[3]) {_FREE}"
)
# The log is a list of messages, and a hash with the log's id and the position of the last message.
# If either was deleted, damaged or evicted, the other is useless, so a new log is started. A
# message that is longer than any of ours is returned as an empty text, so that hosts can read the
# messages after it.
_LOG = """
local head, list = KEYS[1], KEYS[2]
for name, kind in pairs({[head] = 'hash', [list] = 'list'}) do
  if redis.call('TYPE', name).ok ~= kind then redis.call('DEL', name) end
end
local id = string.match(redis.call('HGET', head, 'id') or '', '^%x+$')
local last = tonumber(string.match(redis.call('HGET', head, 'last') or '', '^%d+$'))
local count = redis.call('LLEN', list)
if not id or #id > 32 or id == ARGV[2]
    or not last or last > 2 ^ 52 or count > last or (count == 0 and last > 0) then
  redis.call('DEL', head, list)
  id, last, count = ARGV[1], 0, 0
  redis.call('HSET', head, 'id', id, 'last', last)
end
if redis.call('PTTL', head) < ARGV[3] / 2 then
  redis.call('PEXPIRE', head, ARGV[3])
  redis.call('PEXPIRE', list, ARGV[3])
end
"""
PUBLISH = Script.of(
    _LOG
    + """
local position = redis.call('HINCRBY', head, 'last', 1)
redis.call('RPUSH', list, ARGV[4])
redis.call('LTRIM', list, -ARGV[5], -1)
redis.call('PEXPIRE', head, ARGV[3])
redis.call('PEXPIRE', list, ARGV[3])
return {id, position}
"""
)
PUBLISHED = Script.of(
    _LOG
    + """
local first = last - count + 1
local start = math.max(tonumber(ARGV[4]) or last - ARGV[5] + 1, first)
local found = redis.call('LRANGE', list, start - first, start - first + ARGV[5] - 1)
for number, message in ipairs(found) do
  if #message > 8192 then found[number] = '' end
end
return {id, start, found}
"""
)
MARK = Script.of("""
local log, position = string.match(redis.call('GET', KEYS[1]) or '', '^(%x+):(%d+)$')
if log ~= ARGV[1] or tonumber(position) < tonumber(ARGV[2]) then
  redis.call('SET', KEYS[1], ARGV[1] .. ':' .. ARGV[2], 'PX', ARGV[3])
end
return 1
""")
