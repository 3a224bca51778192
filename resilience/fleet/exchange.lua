-- One exchange of one worker, whole: what `ledger.py` and `verdicts.py` say in Python, in the
-- same order and by the same names. KEYS: meta, workers, circuits, moved, reported, crew, orders,
-- ordered, leases (one hash slot). ARGV: the letter as JSON, a name for a new store, seconds of
-- silence, seconds kept, seconds of a grant, the channel, seconds that are for ever.
local meta, workers, circuits, moved, reported, crew, orders, ordered, leases = unpack(KEYS)
local letter = cjson.decode(ARGV[1])
local SILENCE, KEPT, GRANT = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local FOR_EVER = tonumber(ARGV[7])
local BUCKETS, QUORUM = 10, 2
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local me = letter.worker

-- time and heartbeat
redis.call('ZADD', workers, now, me)
if letter.leaving then redis.call('ZREM', workers, me) end
redis.call('ZREMRANGEBYSCORE', workers, '-inf', now - SILENCE)
local alive = redis.call('ZCARD', workers)
-- asked one by one: a fleet may have thousands of workers, and a letter is about few
local live = setmetatable({}, {__index = function(known, name)
  known[name] = redis.call('ZSCORE', workers, name) and true or false
  return known[name]
end})
for _, name in ipairs(redis.call('ZRANGEBYSCORE', reported, '-inf', now - KEPT, 'LIMIT', 0, 100)) do
  redis.call('HDEL', circuits, name)
  redis.call('ZREM', moved, name)
  redis.call('ZREM', reported, name)
end
redis.call('HSETNX', meta, 'era', ARGV[2])
local era = redis.call('HGET', meta, 'era')
local change = tonumber(redis.call('HGET', meta, 'change') or '0')
if letter.era == era and letter.seen > change then -- an older store took the place of this one
  era = ARGV[2]
  redis.call('HSET', meta, 'era', era)
end
local behind = letter.era ~= '' and letter.era ~= era
if behind and letter.seen > change then
  change = letter.seen
  redis.call('HSET', meta, 'change', string.format('%d', change))
end
local seen = behind and 0 or letter.seen
local known = redis.call('HGET', crew, me)
local about = letter.about
if about == '' and known then about = cjson.decode(known)[2] end
if letter.leaving then
  redis.call('HDEL', crew, me)
  for _, name in ipairs(redis.call('HKEYS', leases)) do
    local held = cjson.decode(redis.call('HGET', leases, name))
    for token, each in pairs(held) do
      if each[1] == me then held[token] = nil end
    end
    if next(held) then
      redis.call('HSET', leases, name, cjson.encode(held))
    else
      redis.call('HDEL', leases, name)
    end
  end
else
  redis.call('HSET', crew, me, cjson.encode({letter.era == era and letter.seen or 0, about}))
end
if redis.call('HLEN', crew) > alive then
  for _, name in ipairs(redis.call('HKEYS', crew)) do
    if not live[name] then redis.call('HDEL', crew, name) end
  end
end

local function empty(record)
  record.buckets, record.failing, record.trials = {}, {}, {}
  record.given, record.successes, record.failures = 0, 0, 0
end

local function enter(record, state)
  record.epoch = record.epoch + 1
  record.state, record.since = state, now
  empty(record)
end

local function new()
  local record = {epoch = 0, state = 'closed', since = now, ['until'] = 0, relapses = 0,
    reason = '', counts = {0, 0, 0}, error = '', rules = '', ruled_by = ''}
  empty(record)
  return record
end

local function catch_up(record, report)
  record.epoch = report.epoch - 1
  enter(record, report.state == 'closed' and 'closed' or 'open')
  record['until'] = now + report.left
  record.relapses = math.max(record.relapses, report.state == 'closed' and 0 or 1)
  if report.state == 'half_open' then
    record['until'] = now
    record.epoch = record.epoch + 1
  end
end

local function count(record, report)
  if record.state ~= 'closed' or report.epoch ~= record.epoch then return end
  local index = math.floor(now / (report.rules.window / BUCKETS))
  for number in pairs(record.buckets) do
    if tonumber(number) <= index - BUCKETS then record.buckets[number] = nil end
  end
  if report.calls > 0 then
    local key = string.format('%d', index)
    local counts = record.buckets[key] or {0, 0, 0}
    record.buckets[key] = {
      counts[1] + report.calls, counts[2] + report.failures, counts[3] + report.slow}
  end
  if report.failures > 0 or report.slow > 0 then
    record.failing[me] = now
    if report.error ~= '' then record.error = report.error end
  end
end

local function why(counts, rules)
  local calls, failures, slow = unpack(counts)
  if calls < rules.calls_to_judge then return nil end
  if failures >= rules.failure_threshold and failures >= rules.failure_rate * calls then
    return 'failure_rate'
  end
  if slow > 0 and slow >= rules.slow_call_rate * calls then return 'slow_call_rate' end
  return nil
end

local function open(record, rules, reason, counts)
  if record.state == 'closed' then
    local forgiven = math.floor((now - record.since) / rules.reset_timeout_max)
    record.relapses = math.max(0, record.relapses - forgiven)
  end
  local longest = math.max(rules.reset_timeout, rules.reset_timeout_max)
  local wait = rules.reset_timeout * rules.reset_timeout_multiplier ^ math.min(record.relapses, 64)
  if wait < longest then record.relapses = record.relapses + 1 end
  enter(record, 'open')
  record['until'] = now + math.min(wait, longest)
  record.reason, record.counts = reason, counts
end

local function trip(record, rules)
  if record.state ~= 'closed' then return end
  local counts = {0, 0, 0}
  for _, each in pairs(record.buckets) do
    for number = 1, 3 do counts[number] = counts[number] + each[number] end
  end
  local failing = 0
  for name, at in pairs(record.failing) do
    if at > now - rules.window then failing = failing + 1 else record.failing[name] = nil end
  end
  local reason = why(counts, rules)
  if reason and failing >= math.min(QUORUM, math.max(1, alive)) then
    open(record, rules, reason, counts)
  end
end

local function hear_trials(record, report)
  for place, trial in pairs(record.trials) do
    if trial[2] <= now or not live[trial[1]] then record.trials[place] = nil end
  end
  for place, outcome in pairs(report.trials) do
    local trial = record.trials[place]
    if trial and trial[1] == me then
      if outcome ~= 'running' then
        record.trials[place] = nil
        if outcome == 'success' then record.successes = record.successes + 1 end
        if outcome == 'failure' then record.failures = record.failures + 1 end
      elseif trial[3] == 0 then
        record.trials[place] = {me, now + report.rules.trial_timeout, 1}
      end
    end
  end
end

local function judge(record, rules)
  if record.successes >= rules.success_threshold then
    enter(record, 'closed')
  elseif rules.half_open_calls - record.failures < rules.success_threshold then
    local tried = {record.successes + record.failures, record.failures, 0}
    open(record, rules, 'trial_failed', tried)
  end
end

local function grant(record, report)
  local taken = record.successes + record.failures
  for _ in pairs(record.trials) do taken = taken + 1 end
  if not report.wants or taken >= report.rules.half_open_calls then return '' end
  record.given = record.given + 1
  local place = string.format('%d.%d', record.epoch, record.given)
  record.trials[place] = {me, now + GRANT, 0}
  return place
end

-- adopt a higher epoch, add counts, trip, half-open on demand, trials, grant
local function settle(record, report)
  if report.epoch > record.epoch then catch_up(record, report) end
  local before = record.epoch
  if report.reset then
    enter(record, 'closed')
    record.relapses = 0
  end
  count(record, report)
  trip(record, report.rules)
  if record.state == 'open' and report.wants and now >= record['until'] then
    enter(record, 'half_open')
  end
  local place = ''
  if record.state == 'half_open' then
    hear_trials(record, report)
    judge(record, report.rules)
  end
  if record.state == 'half_open' then place = grant(record, report) end
  return place, record.epoch ~= before
end

local function differs(record, report)
  local other = record.rules ~= '' and record.rules ~= report.told
    and record.ruled_by ~= me and live[record.ruled_by] == true
  record.rules, record.ruled_by = report.told, me
  return other
end

local function verdict_on(name, record)
  return {name = name, epoch = record.epoch, state = record.state,
    left = math.max(0, record['until'] - now), relapses = record.relapses,
    reason = record.reason, counts = record.counts, error = record.error}
end

local verdicts, named, changed = {}, {}, false
for _, report in ipairs(letter.reports) do
  local name = report.name
  local kept = redis.call('HGET', circuits, name)
  local record = kept and cjson.decode(kept) or new()
  local before = record.epoch
  local place, made = settle(record, report)
  local other = differs(record, report)
  if record.epoch ~= before then
    change = redis.call('HINCRBY', meta, 'change', 1)
    redis.call('ZADD', moved, change, name)
    changed = true
  end
  redis.call('HSET', circuits, name, cjson.encode(record))
  redis.call('ZADD', reported, now, name)
  local verdict = verdict_on(name, record)
  verdict.place, verdict.made, verdict.differs = place, made, other
  verdicts[#verdicts + 1] = verdict
  named[name] = true
end
for _, name in ipairs(redis.call('ZRANGEBYSCORE', moved, '(' .. seen, '+inf')) do
  local kept = not named[name] and redis.call('HGET', circuits, name)
  if kept then verdicts[#verdicts + 1] = verdict_on(name, cjson.decode(kept)) end
end

-- orders: a new one beats all, one of an earlier store only what is older
for _, order in ipairs(letter.orders) do
  local kept = redis.call('HGET', orders, order.key)
  if order.number == 0 or not kept or cjson.decode(kept)[1] < order.number then
    local number = order.number
    if number == 0 then
      number = redis.call('HINCRBY', meta, 'change', 1)
      change = number
    elseif number > change then
      change = number
      redis.call('HSET', meta, 'change', string.format('%d', change))
    end
    local lasts = FOR_EVER
    if order.text == '' then
      lasts = KEPT
    elseif order.left ~= cjson.null then
      lasts = order.left
    end
    redis.call('HSET', orders, order.key, cjson.encode({number, order.text, now + lasts}))
    redis.call('ZADD', ordered, number, order.key)
    changed = true
  end
end
local told = {}
for _, key in ipairs(redis.call('ZRANGEBYSCORE', ordered, '(' .. seen, '+inf')) do
  local kept = redis.call('HGET', orders, key)
  local number, text, ends = unpack(kept and cjson.decode(kept) or {0, '', 0})
  if ends > now then
    local left = ends - now
    if text == '' or left > FOR_EVER / 2 then left = nil end
    told[#told + 1] = {key = key, text = text, left = left, number = number}
  else
    redis.call('HDEL', orders, key)
    redis.call('ZREM', ordered, key)
  end
end

-- leases: a claim that fails changes nothing; silence alone ends none; tokens grow by the clock,
-- so that an emptied store gives none again
local tokens = {}
for _, claim in ipairs(letter.claims) do
  local kept = redis.call('HGET', leases, claim.name)
  local held, taken = {}, 0
  for token, each in pairs(kept and cjson.decode(kept) or {}) do
    if each[2] > now then
      held[token] = each
      taken = taken + 1
    end
  end
  local token = claim.token
  local key = string.format('%d', token)
  local last = tonumber(redis.call('HGET', meta, 'token') or '0')
  local mine = held[key] ~= nil and held[key][1] == me
  if mine and claim.over then
    held[key] = nil
    taken = taken - 1
  elseif token > last and not claim.over and taken < claim.places then
    redis.call('HSET', meta, 'token', key) -- of an earlier store, and nobody has another since
    mine = true
    taken = taken + 1
  elseif token == 0 and not claim.over and taken < claim.places then
    token = math.max(last + 1, math.floor(now * 1000))
    key = string.format('%d', token)
    redis.call('HSET', meta, 'token', key)
    mine = true
    taken = taken + 1
  end
  if mine and not claim.over then held[key] = {me, now + claim.lasts} end
  if taken > 0 then
    redis.call('HSET', leases, claim.name, cjson.encode(held))
  else
    redis.call('HDEL', leases, claim.name)
  end
  tokens[#tokens + 1] = mine and not claim.over and token or 0
end

local roll = {}
if letter.roll then
  local heard = redis.call('ZRANGE', workers, 0, -1, 'WITHSCORES')
  for place = 1, #heard, 2 do
    local said = redis.call('HGET', crew, heard[place])
    local it = said and cjson.decode(said) or {0, ''}
    roll[#roll + 1] = {name = heard[place], silent = math.max(0, now - tonumber(heard[place + 1])),
      seen = it[1], about = it[2]}
  end
end
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, 24 * 3600) end
if changed then redis.call('PUBLISH', ARGV[6], me) end
return cjson.encode({era = era, seen = change, workers = alive, behind = behind,
  verdicts = verdicts, orders = told, leases = tokens, roll = roll})
