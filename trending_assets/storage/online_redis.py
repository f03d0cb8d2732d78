"""Writing to Feast's Redis online store, which may be Valkey: a script compares and writes row by row.

Feast keeps of a row when it became true and not when its inputs arrived. So a field more, which Feast passes over, says
both; it counts as long as it fits Feast's own, which a stock materialisation overwrites without it.
"""

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Self

from trending_assets.storage.online_codec import timestamp_message
from trending_assets.storage.online_rows import OnlineRows

if TYPE_CHECKING:
    from redis import Redis

# The server answers nobody else while a script runs: so many rows take it less than a millisecond.
_ROWS_A_SCRIPT = 50

# KEYS: hashes of entities. ARGV: the field of Feast's time, that of the exact times, the number of features and their
# fields; then for each entity its event time and created time in microseconds (empty where unknown), its event time as
# Feast writes it, and the values. Numbers of microseconds are whole in a double for 280 years.
_SCRIPT = """
local function microseconds(message)
  local parts, i = {0, 0}, 1
  while i <= #message do
    local field, value, complement, scale, bytes = math.floor(message:byte(i) / 8), 0, 0, 1, 0
    repeat
      i, bytes = i + 1, bytes + 1
      local seven = message:byte(i) % 128
      if bytes < 10 then
        value, complement, scale = value + seven * scale, complement + (127 - seven) * scale, scale * 128
      end
    until message:byte(i) < 128
    if bytes == 10 then value = -complement - 1 end
    parts[field], i = value, i + 1
  end
  return parts[1] * 1000000 + parts[2] / 1000
end
local features, at, written = tonumber(ARGV[3]), 3 + tonumber(ARGV[3]), 0
for _, key in ipairs(KEYS) do
  local event, created, message = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local held = redis.call('HMGET', key, ARGV[1], ARGV[2])
  local older = false
  if held[1] and held[1] ~= message then
    older = tonumber(event) < microseconds(held[1])
  elseif held[1] and held[2] then
    local exact_event, exact_created = held[2]:match('^(%S+) (%S*)$')
    if exact_event == event and exact_created ~= '' then
      older = created == '' or tonumber(created) < tonumber(exact_created)
    end
  end
  if not older then
    local fields = {ARGV[1], message, ARGV[2], event .. ' ' .. created}
    for feature = 1, features do
      fields[#fields + 1] = ARGV[3 + feature]
      fields[#fields + 1] = ARGV[at + 3 + feature]
    end
    redis.call('HSET', key, unpack(fields))
    written = written + 1
  end
  at = at + 3 + features
end
return written
"""


class RedisWriter:
    """Writes through one client; close it, or use it as a context."""

    batch_rows = 500

    def __init__(self, client: "Redis", project: str) -> None:
        """Nothing is asked of the server until something is written."""
        self._client = client
        self._project = project.encode()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def write(self, rows: OnlineRows) -> int:
        """Writes those rows that are not older than what is held of their entities; returns how many.

        Raises:
            redis.RedisError: the server could not be reached or refused. Some of the rows may have been written, each
                as a whole.
        """
        with closing(self._client.pipeline(transaction=False)) as pipeline:
            for keys, arguments in self._calls(rows):
                pipeline.eval(_SCRIPT, len(keys), *keys, *arguments)
            return sum(pipeline.execute())

    def _calls(self, rows: OnlineRows) -> Iterator[tuple[list[bytes], list[bytes | int]]]:
        from feast.infra.online_stores.helpers import _mmh3

        fields = [_mmh3(f"{rows.view}:{feature}") for feature in rows.values]
        head = [f"_ts:{rows.view}".encode(), f"_exact:{rows.view}".encode(), len(fields), *fields]
        for start in range(0, len(rows), _ROWS_A_SCRIPT):
            these = range(start, min(start + _ROWS_A_SCRIPT, len(rows)))
            arguments = list(head)
            for i in these:
                created = rows.created_times[i]
                arguments += (rows.event_times[i], b"" if created is None else created)
                arguments.append(timestamp_message(rows.event_times[i]))
                arguments += (values[i] for values in rows.values.values())
            # As Feast's `_redis_key` puts a key together.
            yield [rows.keys[i] + self._project for i in these], arguments
