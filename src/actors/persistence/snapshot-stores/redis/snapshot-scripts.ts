/**
 * The scripts that run inside Redis, each one atomic. An entity's hash has two fields for each
 * snapshot: `m:<position>` its manifest, `p:<position>` its payload (empty when it has a body).
 *
 *  S1. A position is compared as a number and written as the text that came in: Lua would print
 *      great numbers with 14 digits.
 *  S2. A script touches only keys that it was given. Where a body must go that was not among them
 *      it changes nothing and returns the names; the caller repeats with them.
 *  S3. A body has a time to live until its manifest is written, so that an owner that dies on the
 *      way leaves nothing behind; with the manifest the body becomes permanent.
 */
import { createHash } from "node:crypto";

export interface Script {
  readonly text: string;
  readonly sha1: string;
}

function script(text: string): Script {
  return { text, sha1: createHash("sha1").update(text).digest("hex") };
}

const shared = `
local function positions()
  local found = {}
  for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
    if string.sub(field, 1, 2) == 'm:' then found[#found + 1] = string.sub(field, 3) end
  end
  table.sort(found, function(a, b) return tonumber(a) > tonumber(b) end)
  return found
end

local function within(manifest, numberMax, timeMax)
  return (numberMax == '' or manifest.sequenceNumber <= tonumber(numberMax))
    and (timeMax == '' or manifest.timeMs <= tonumber(timeMax))
end

-- The bodies of snapshots that go, and which of them are not among KEYS.
local function bodiesOf(going)
  local given, bodies, missing = {}, {}, {}
  for index = 2, #KEYS do given[KEYS[index]] = true end
  for _, position in ipairs(going) do
    local body = cjson.decode(redis.call('HGET', KEYS[1], 'm:' .. position)).body
    if body then
      bodies[#bodies + 1] = body
      if not given[body] then missing[#missing + 1] = body end
    end
  end
  return bodies, missing
end

local function drop(going, bodies)
  for _, position in ipairs(going) do
    redis.call('HDEL', KEYS[1], 'm:' .. position, 'p:' .. position)
  end
  for _, body in ipairs(bodies) do redis.call('UNLINK', body) end
end
`;

/** KEYS: entity. ARGV: greatest sequence number, greatest time (empty = any). Returns { manifest, payload }, or nil. */
export const loadScript = script(`${shared}
for _, position in ipairs(positions()) do
  local manifest = redis.call('HGET', KEYS[1], 'm:' .. position)
  if within(cjson.decode(manifest), ARGV[1], ARGV[2]) then
    return { manifest, redis.call('HGET', KEYS[1], 'p:' .. position) }
  end
end
return false
`);

/** KEYS: body. ARGV: index of the chunk, its bytes, time to live in ms. */
export const uploadScript = script(`
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
`);

/**
 * The compare-and-set. KEYS: entity, then bodies. ARGV: position, manifest, payload, how many
 * snapshots are kept, own body (empty = none), its chunks.
 * Returns 1 = kept, 0 = one of a higher position is there, or the bodies to be named (S2).
 */
export const saveScript = script(`${shared}
local own, place = ARGV[5], tonumber(ARGV[1])
local there = positions()
if there[1] and tonumber(there[1]) > place then
  if own ~= '' then redis.call('UNLINK', own) end
  return 0
end
local going, kept = {}, 1
for _, position in ipairs(there) do
  if tonumber(position) == place or kept >= tonumber(ARGV[4]) then
    going[#going + 1] = position
  else
    kept = kept + 1
  end
end
local bodies, missing = bodiesOf(going)
if #missing > 0 then return missing end
if own ~= '' then
  if redis.call('HLEN', own) ~= tonumber(ARGV[6]) then
    return redis.error_reply('ERR chunks of the snapshot expired before its manifest was written')
  end
  redis.call('PERSIST', own)
end
drop(going, bodies)
redis.call('HSET', KEYS[1], 'm:' .. ARGV[1], ARGV[2], 'p:' .. ARGV[1], ARGV[3])
return 1
`);

/** KEYS: entity, then bodies. ARGV: as for a load. Returns 1, or the bodies to be named (S2). */
export const deleteScript = script(`${shared}
local going = {}
for _, position in ipairs(positions()) do
  local manifest = cjson.decode(redis.call('HGET', KEYS[1], 'm:' .. position))
  if within(manifest, ARGV[1], ARGV[2]) then going[#going + 1] = position end
end
local bodies, missing = bodiesOf(going)
if #missing > 0 then return missing end
drop(going, bodies)
return 1
`);
