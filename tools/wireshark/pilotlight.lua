-- Pilotlight for Wireshark and tshark: headers of every packet of wire-spec.md and, with a key log, the frames.
--
--   tshark -X lua_script:tools/wireshark/pilotlight.lua -o pilotlight.keylog:keys.txt -r capture.pcap
--
-- Or copy this file into the folder "Personal Lua Plugins" of Help > About Wireshark > Folders. docs/qlog.md says more.
-- Runs on the Lua of Wireshark 3.6 to 4.x (5.1 to 5.4); nothing beside it is needed.

local pilotlight = Proto("pilotlight", "Pilotlight")

local VERSION = "draft-1"
set_plugin_info({ version = "0.1.0", author = "Pilotlight", description = "Pilotlight " .. VERSION })

-- 32-bit arithmetic ---------------------------------------------------------------------------------------------------

local TWO_32 = 4294967296
local unpack = table.unpack or unpack
local bxor, band, rotl
if bit32 then
  bxor, band, rotl = bit32.bxor, bit32.band, bit32.lrotate
elseif bit then -- results are signed
  bxor = function(a, b) return bit.bxor(a, b) % TWO_32 end
  band = function(a, b) return bit.band(a, b) % TWO_32 end
  rotl = function(a, n) return bit.rol(a, n) % TWO_32 end
else -- Lua 5.3 and later: its operators would be no Lua 5.2
  local ops = load([[
    local function int(a) return math.tointeger(a) or math.floor(a) end
    return function(a, b) return int(a) ~ int(b) end,
      function(a, b) return int(a) & int(b) end,
      function(a, n) a = int(a) return ((a << n) | (a >> (32 - n))) & 0xffffffff end
  ]])
  bxor, band, rotl = ops()
end

local function word_le(bytes, at) -- `at` from 1
  local a, b, c, d = bytes:byte(at, at + 3)
  return a + b * 0x100 + c * 0x10000 + d * 0x1000000
end

local function bytes_le(word)
  local a = word % 0x100
  local b = math.floor(word / 0x100) % 0x100
  local c = math.floor(word / 0x10000) % 0x100
  return string.char(a, b, c, math.floor(word / 0x1000000) % 0x100)
end

-- ChaCha20-Poly1305, RFC 8439 -----------------------------------------------------------------------------------------

local function quarter(s, a, b, c, d)
  s[a] = (s[a] + s[b]) % TWO_32
  s[d] = rotl(bxor(s[d], s[a]), 16)
  s[c] = (s[c] + s[d]) % TWO_32
  s[b] = rotl(bxor(s[b], s[c]), 12)
  s[a] = (s[a] + s[b]) % TWO_32
  s[d] = rotl(bxor(s[d], s[a]), 8)
  s[c] = (s[c] + s[d]) % TWO_32
  s[b] = rotl(bxor(s[b], s[c]), 7)
end

-- 64 bytes of key stream
local function chacha_block(key, counter, nonce)
  local first = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 }
  for i = 0, 7 do first[5 + i] = word_le(key, 1 + 4 * i) end
  first[13] = counter
  for i = 0, 2 do first[14 + i] = word_le(nonce, 1 + 4 * i) end
  local s = {}
  for i = 1, 16 do s[i] = first[i] end
  for _ = 1, 10 do
    quarter(s, 1, 5, 9, 13)
    quarter(s, 2, 6, 10, 14)
    quarter(s, 3, 7, 11, 15)
    quarter(s, 4, 8, 12, 16)
    quarter(s, 1, 6, 11, 16)
    quarter(s, 2, 7, 12, 13)
    quarter(s, 3, 8, 9, 14)
    quarter(s, 4, 5, 10, 15)
  end
  local out = {}
  for i = 1, 16 do out[i] = bytes_le((s[i] + first[i]) % TWO_32) end
  return table.concat(out)
end

local function chacha_xor(key, nonce, text)
  local out = {}
  for block = 0, math.ceil(#text / 64) - 1 do
    local stream = chacha_block(key, block + 1, nonce)
    for i = 1, math.min(64, #text - 64 * block) do
      out[#out + 1] = string.char(bxor(text:byte(64 * block + i), stream:byte(i)))
    end
  end
  return table.concat(out)
end

-- Numbers of 130 bits as ten limbs of 13: their products and sums stay far below 2^53.
local LIMB = 8192

local function limbs_of(bytes)
  local limbs, acc, bits = {}, 0, 0
  for i = 1, #bytes do
    acc = acc + bytes:byte(i) * 2 ^ bits
    bits = bits + 8
    while bits >= 13 do
      limbs[#limbs + 1] = acc % LIMB
      acc = math.floor(acc / LIMB)
      bits = bits - 13
    end
  end
  limbs[#limbs + 1] = acc
  while #limbs < 10 do limbs[#limbs + 1] = 0 end
  return limbs
end

local function carry(h)
  local over = 0
  for i = 1, 10 do
    local value = h[i] + over
    h[i] = value % LIMB
    over = math.floor(value / LIMB)
  end
  h[1] = h[1] + 5 * over -- 2^130 is 5
end

-- r with the bits that RFC 8439 clears
local CLAMP = { 255, 255, 255, 15, 252, 255, 255, 15, 252, 255, 255, 15, 252, 255, 255, 15 }

local function poly1305(key, message)
  local clamped = {}
  for i = 1, 16 do clamped[i] = string.char(band(key:byte(i), CLAMP[i])) end
  local r = limbs_of(table.concat(clamped))
  local h = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
  for at = 1, #message, 16 do
    local block = limbs_of(message:sub(at, at + 15) .. "\1")
    for i = 1, 10 do h[i] = h[i] + block[i] end
    local product = {}
    for i = 1, 10 do
      local sum = 0
      for j = 1, 10 do
        local k = i - j + 1
        if k >= 1 then sum = sum + h[j] * r[k] else sum = sum + 5 * h[j] * r[k + 10] end
      end
      product[i] = sum
    end
    h = product
    carry(h)
    carry(h)
  end
  carry(h)
  carry(h)
  -- h modulo 2^130 - 5: if h + 5 reaches 2^130, it is that without the 2^130
  local over, reduced = 5, {}
  for i = 1, 10 do
    local value = h[i] + over
    reduced[i] = value % LIMB
    over = math.floor(value / LIMB)
  end
  if over > 0 then h = reduced end
  -- plus s, modulo 2^128, as bytes
  local s, acc, bits, next_limb, plus, tag = key:sub(17, 32), 0, 0, 1, 0, {}
  for i = 1, 16 do
    while bits < 8 and next_limb <= 10 do
      acc = acc + h[next_limb] * 2 ^ bits
      bits = bits + 13
      next_limb = next_limb + 1
    end
    local value = acc % 256 + s:byte(i) + plus
    tag[i] = string.char(value % 256)
    plus = math.floor(value / 256)
    acc = math.floor(acc / 256)
    bits = bits - 8
  end
  return table.concat(tag)
end

local function padded_16(text) return text .. string.rep("\0", (16 - #text % 16) % 16) end

local function length_64(text) return bytes_le(#text) .. "\0\0\0\0" end

-- the plaintext, or nil if the tag is wrong
local function open(key, nonce, aad, sealed)
  local text, tag = sealed:sub(1, -17), sealed:sub(-16)
  local one_time = chacha_block(key, 0, nonce):sub(1, 32)
  local mac = poly1305(one_time, padded_16(aad) .. padded_16(text) .. length_64(aad) .. length_64(text))
  if mac ~= tag then return nil end
  return chacha_xor(key, nonce, text)
end

-- 6 zero bytes and the packet number as u48. wire-spec 5.2
local function nonce_of(number)
  local out = { "\0\0\0\0\0\0" }
  for shift = 5, 0, -1 do out[#out + 1] = string.char(math.floor(number / 256 ^ shift) % 256) end
  return table.concat(out)
end

-- Fields --------------------------------------------------------------------------------------------------------------

local fields = {}

-- `kind` is a constructor of ProtoField; the name is that of wire-spec.md
local function field(name, kind, text, ...)
  local made = ProtoField[kind]("pilotlight." .. name, text, ...)
  fields[name] = made
  return made
end

local KINDS = {
  [1] = "handshake message 1",
  [2] = "handshake message 1 with cookie",
  [3] = "handshake message 2",
  [4] = "cookie",
  [5] = "reset",
}
local STATES = { [0] = "active", [1] = "idle", [2] = "gone" }
local SILENCE_S = { [0] = 15, 20, 30, 45, 60, 90, 120, 180, 240, 360, 480, 720, 900, 1200, 1800 }

field("direction", "string", "Direction")
field("kind", "uint8", "Kind", base.HEX)
field("message1.e", "bytes", "Noise e")
field("message1.s", "bytes", "Noise s: static public key, sealed")
field("message1.payload", "bytes", "Noise payload: stamp and PING, sealed")
field("message1.mac1", "bytes", "mac1")
field("message1.mac2", "bytes", "mac2")
field("message2.e", "bytes", "Noise e")
field("message2.payload", "bytes", "Noise payload: connection ID and reset token, or refusal, sealed")
field("cookie.nonce", "bytes", "Nonce")
field("cookie.sealed", "bytes", "Cookie, sealed")
field("reset.token", "bytes", "Reset token")
field("flags", "uint8", "Flags", base.HEX)
field("flags.channel", "bool", "CHANNEL", 8, nil, 0x80)
field("flags.long", "bool", "LONG: packet number of 4 bytes", 8, nil, 0x40)
field("flags.boot", "bool", "BOOT: boot value present", 8, nil, 0x20)
field("flags.ask", "bool", "ASK: an answer is asked for", 8, nil, 0x08)
field("flags.probe", "bool", "PROBE: second socket", 8, nil, 0x04)
field("flags.grease", "uint8", "GREASE", base.HEX, nil, 0x13)
field("cid", "bytes", "Connection ID")
field("boot", "bytes", "Boot value")
field("boot.seconds", "uint32", "Boot value, seconds")
field("number_low", "uint32", "Packet number, low bits", base.DEC)
field("number", "uint64", "Packet number", base.DEC)
field("sealed", "bytes", "Sealed frames")
field("tag", "bytes", "Tag")
field("epoch", "uint32", "Epoch", base.DEC)
field("plaintext", "bytes", "Frames and padding")
field("frame", "string", "Frame")
field("frame.type", "uint32", "Frame type", base.DEC)
field("padding", "bytes", "Padding")
field("item", "bytes", "Item")
field("ping.state", "uint8", "State", base.DEC, STATES)
field("ping.class", "uint8", "Silence class", base.DEC)
field("ping.seconds", "uint32", "Seconds of silence at most", base.DEC)
field("pong.number_modulo_48", "uint8", "Packet number answered, modulo 48", base.DEC)
field("ack.id", "uint16", "Id", base.DEC)

local REPLY_CODES = { [0] = "accepted", [1] = "dismissed", [2] = "shown", [3] = "refused" }
local OUTCOMES = { [0] = "accepted", [1] = "answered elsewhere", [2] = "dismissed", [3] = "missed", [4] = "withdrawn" }
local CLOSES = { [0] = "bye", [1] = "protocol-error", [2] = "device-removed", [3] = "account-removed", [4] = "key-limit" }
local NETWORKS = { [0] = "unknown", [1] = "Wi-Fi or wire", [2] = "cellular" }
local CLASSES = { [0] = "other", [1] = "phone", [2] = "tablet", [3] = "desktop", [4] = "browser", [5] = "watch" }
local RESULTS = { [0] = "committed", [1] = "conflict", [2] = "visibility applied" }
local GRANTED = { [0] = "in the list", [1] = "cannot be put there" }
local GRANTS = { [0] = "consent", [1] = "taken back" }

-- Items of each frame after its type, as in the CDDL of wire-spec 7.
local CHALLENGE = { { "challenge", "bytes" } }
local CLOSE = { { "code", "uint", CLOSES } }
local STEP = { { "key", "bytes" } }
local PART = { { "version", "uint" }, { "index", "uint" }, { "count", "uint" }, { "part", "bytes" } }
local LEARNT = { { "network", "uint", NETWORKS }, { "seconds", "uint" } }
local FRAMES = {
  d2s = {
    [1] = { "verdict", { { "id", "uint" }, { "what", "uint", REPLY_CODES }, { "class", "uint", CLASSES }, { "reply", "bytes" } } },
    [2] = { "response", CHALLENGE },
    [3] = { "thresholds", { { "away-after", "uint" }, { "offline-after", "uint" } } },
    [4] = { "silence", { { "seconds", "uint" } } },
    [5] = { "sync", { { "version", "uint" } } },
    [6] = { "visibility", PART },
    [7] = { "list", { { "base", "uint" }, PART[1], PART[2], PART[3], PART[4] } },
    [8] = { "want-list", { { "index", "uint" } } },
    [9] = { "key-request", { { "nonce", "bytes" } } },
    [10] = { "key-sealed", { { "request", "uint" }, { "sealed", "bytes" } } },
    [11] = { "puid-request", { { "app", "bytes" }, { "rotation", "uint" } } },
    [12] = { "close", CLOSE },
    [13] = { "probe", { { "delay", "uint" } } },
    [14] = { "step", STEP },
    [15] = { "learnt", LEARNT },
    [31] = { "granted", { { "grant", "bytes" }, { "what", "uint", GRANTED } } },
  },
  s2d = {
    [2] = { "challenge", CHALLENGE },
    [12] = { "close", CLOSE },
    [16] = { "new-cid", { { "id", "uint" }, { "cid", "bytes" }, { "token", "bytes" } } },
    [17] = {
      "notify",
      {
        { "id", "uint" },
        { "ring", "bytes" },
        { "app", "bytes" },
        { "rotation", "uint" },
        { "deadline", "ms" },
        { "title", "text" },
        { "body", "text" },
        { "url", "text" },
        { "payload", "bytes" },
      },
    },
    [18] = { "outcome", { { "id", "uint" }, { "ring", "bytes" }, { "what", "uint", OUTCOMES } } },
    [19] = { "state", { { "id", "uint" }, { "version", "uint" }, { "flags", "uint" } } },
    [20] = { "list-part", PART },
    [21] = { "list-result", { { "version", "uint" }, { "code", "uint", RESULTS } } },
    [22] = { "retry-after", { { "seconds", "uint" } } },
    [23] = { "server-key", { { "id", "uint" }, { "key", "bytes" } } },
    [24] = {
      "key-offer",
      { { "id", "uint" }, { "request", "uint" }, { "device-key", "bytes" }, { "nonce", "bytes" }, { "name", "text" } },
    },
    [25] = { "key-given", { { "id", "uint" }, { "sender-key", "bytes" }, { "nonce", "bytes" }, { "sealed", "bytes" } } },
    [26] = { "puid", { { "app", "bytes" }, { "rotation", "uint" }, { "puid", "text" } } },
    [27] = { "clock", { { "ms", "ms" } } },
    [28] = { "stepped", STEP },
    [29] = { "want-step", {} },
    [30] = { "hint", LEARNT },
    [31] = {
      "grant",
      {
        { "id", "uint" },
        { "grant", "bytes" },
        { "app", "bytes" },
        { "rotation", "uint" },
        { "what", "uint", GRANTS },
        { "windows", "array" },
        { "zone", "text" },
      },
    },
  },
}
local MAKERS = { uint = "uint64", ms = "uint64", bytes = "bytes", text = "string", array = "bytes" }

-- "away-after" of THRESHOLDS is the field pilotlight.thresholds.away_after
local function item_field(frame, item) return (frame .. "." .. item):gsub("-", "_") end

for _, frames in pairs(FRAMES) do
  for _, frame in pairs(frames) do
    for _, item in ipairs(frame[2]) do
      local name = item_field(frame[1], item[1])
      if fields[name] == nil then field(name, MAKERS[item[2]], item[1]) end
    end
  end
end

local listed = {}
for _, made in pairs(fields) do listed[#listed + 1] = made end
pilotlight.fields = listed

local experts = {
  kind = ProtoExpert.new("pilotlight.kind.unknown", "No datagram of Pilotlight", expert.group.PROTOCOL, expert.severity.WARN),
  length = ProtoExpert.new("pilotlight.length", "Wrong length for its kind", expert.group.MALFORMED, expert.severity.WARN),
  reserved = ProtoExpert.new("pilotlight.reserved", "Flags that must not be set", expert.group.PROTOCOL, expert.severity.WARN),
  frames = ProtoExpert.new("pilotlight.frames", "Breaks the frame rules", expert.group.MALFORMED, expert.severity.ERROR),
  sealed = ProtoExpert.new("pilotlight.no_key", "Not opened: no key of the key log fits", expert.group.DECRYPTION, expert.severity.NOTE),
}
local listed_experts = {}
for _, made in pairs(experts) do listed_experts[#listed_experts + 1] = made end
pilotlight.experts = listed_experts

-- Preferences and state -----------------------------------------------------------------------------------------------

local prefs = pilotlight.prefs
prefs.port = Pref.uint("UDP port", 7350, "Port of the server; others by Decode As")
prefs.keylog = Pref.string("Key log", "", "File that --keylog of server or device wrote; see docs/qlog.md")
prefs.heuristic = Pref.bool("Guess on other ports", false, "Takes UDP datagrams on any port that look like a handshake")

-- Keys: { direction, cid (5 bytes), epoch, key (32 bytes), high }, by direction and connection ID, and all of a direction.
local keys = { d2s = {}, s2d = {} }
local all_keys = { d2s = {}, s2d = {} }
-- Of each key { number }: the highest that opened under it.
local highs = {}
-- Connection IDs that were seen between two endpoints, newest last, by "device server".
local paths = {}
-- Server endpoints that were recognised by a handshake.
local servers = {}
-- What was found of each packet in the first pass, by frame number and tag.
local found = {}

-- Keys of other sessions that are tried for an s2d packet whose connection ID is not known, at most.
local STRANGERS_MAX = 512
-- Upper 16 bits of a packet number that are tried while none of its key is known.
local UPPER_MAX = 7

local function from_hex(text)
  return (text:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end))
end

local function add_key(direction, cid, epoch, key)
  -- A key stands in the log once for each connection ID; it has one highest number.
  local name = direction .. key
  highs[name] = highs[name] or {}
  local entry = { direction = direction, cid = cid, epoch = epoch, key = key, high = highs[name] }
  local of_cid = keys[direction][cid] or {}
  keys[direction][cid] = of_cid
  of_cid[#of_cid + 1] = entry
  table.insert(all_keys[direction], entry)
end

local function load_keys()
  keys, all_keys, highs = { d2s = {}, s2d = {} }, { d2s = {}, s2d = {} }, {}
  if prefs.keylog == nil or prefs.keylog == "" then return end
  local file = io.open(prefs.keylog, "r")
  if file == nil then
    print("pilotlight: the key log " .. prefs.keylog .. " cannot be read")
    return
  end
  local seen = {}
  for line in file:lines() do
    local label, cid, epoch, key = line:match("^PILOTLIGHT_(%u%d%u) (%x+) (%d+) [%x-]+ [%x-]+ (%x+)%s*$")
    local direction = label and label:lower()
    if (direction == "d2s" or direction == "s2d") and #cid == 10 and #key == 64 and not seen[label .. cid .. key] then
      seen[label .. cid .. key] = true
      add_key(direction, from_hex(cid), tonumber(epoch), from_hex(key))
    end
  end
  file:close()
end

function pilotlight.init()
  paths, servers, found = {}, {}, {}
  load_keys()
end

-- Opening -------------------------------------------------------------------------------------------------------------

-- The number with these low bits in (from, from + span]. wire-spec 5.4-4
local function expand_in(low, from, span)
  local number = from + 1 + (low - from - 1) % span
  if number < 0 or number >= 2 ^ 48 then return nil end
  return number
end

-- Numbers to try for a key.
local function numbers_of(entry, low, is_long)
  local high = entry.high.number
  if high ~= nil then
    local number
    if is_long then number = expand_in(low, high - 65536, TWO_32) else number = expand_in(low, high - 128, 256) end
    return { number }
  end
  if not is_long then return {} end
  local numbers = {}
  for upper = 0, UPPER_MAX do numbers[#numbers + 1] = low + upper * TWO_32 end
  return numbers
end

local function try_keys(entries, tried, packet)
  for at = #entries, 1, -1 do -- the newest first
    local entry = entries[at]
    if not tried[entry] then
      tried[entry] = true
      for _, number in ipairs(numbers_of(entry, packet.low, packet.is_long)) do
        local text = open(entry.key, nonce_of(number), packet.header, packet.sealed)
        if text ~= nil then
          local high = entry.high
          if high.number == nil or number > high.number then high.number = number end
          return { entry = entry, number = number, text = text }
        end
      end
    end
  end
  return nil
end

-- What a packet says, or nil. `cids` are those of its path.
local function open_packet(packet)
  local tried = {}
  for at = #packet.cids, 1, -1 do
    local result = try_keys(keys[packet.direction][packet.cids[at]] or {}, tried, packet)
    if result ~= nil then return result end
  end
  if packet.direction == "d2s" or #all_keys.s2d > STRANGERS_MAX then return nil end
  return try_keys(all_keys.s2d, tried, packet)
end

-- Frames: a CBOR sequence, wire-spec 7 --------------------------------------------------------------------------------

local MAJOR = { [0] = "uint", [1] = "nint", [2] = "bytes", [3] = "text", [4] = "array" }
local DEPTH_MAX = 5

-- An item: { kind, value, from, to, items }, or nil. `at` counts from 0.
local function read_item(text, at, depth)
  if at >= #text or depth > DEPTH_MAX then return nil end
  local head = text:byte(at + 1)
  if head == 0xf6 then return { kind = "null", from = at, to = at + 1 } end
  local kind, short = MAJOR[math.floor(head / 32)], head % 32
  if kind == nil or short > 27 then return nil end
  local size = 0
  if short >= 24 then size = 2 ^ (short - 24) end
  if at + 1 + size > #text then return nil end
  local value = short
  if size > 0 then
    value = 0
    for i = 1, size do value = value * 256 + text:byte(at + 1 + i) end
  end
  local item = { kind = kind, value = value, from = at, body = at + 1 + size, to = at + 1 + size }
  if kind == "nint" then
    item.value = -1 - value
  elseif kind == "bytes" or kind == "text" then
    if value > #text - item.body then return nil end
    item.to = item.body + value
  elseif kind == "array" then
    if value > #text - item.body then return nil end
    item.items = {}
    for i = 1, value do
      local one = read_item(text, item.to, depth + 1)
      if one == nil then return nil end
      item.items[i] = one
      item.to = one.to
    end
  end
  return item
end

local function uint64(value)
  return UInt64.new(value % TWO_32, math.floor(value / TWO_32) % TWO_32)
end

local function add_value(tree, tvb, name, item, kind, names)
  local range = tvb(item.from, item.to - item.from)
  if item.kind == "uint" and (kind == "uint" or kind == "ms") then
    local line = tree:add(fields[name], range, uint64(item.value))
    if names and names[item.value] then line:append_text(" (" .. names[item.value] .. ")") end
    if kind == "ms" and item.value < 2 ^ 43 then
      line:append_text(os.date("! (%Y-%m-%d %H:%M:%S UTC)", math.floor(item.value / 1000)))
    end
    return true
  end
  local is_text = item.kind == "text" and kind == "text"
  if is_text or (item.kind == "bytes" and kind == "bytes") then
    if item.to > item.body then
      tree:add(fields[name], tvb(item.body, item.to - item.body))
    else
      tree:add(fields[name], range, ""):set_text(name:match("[^.]+$") .. ": empty")
    end
    return true
  end
  if item.kind == "array" and kind == "array" then
    local line = tree:add(fields[name], range)
    line:set_text(string.format("%s: %d", name:match("[^.]+$"), #item.items))
    return true
  end
  return false
end

local function add_ping(tree, tvb, item, v)
  local range = tvb(item.from, 1)
  local state, class = math.floor(v / 16), v % 16
  tree:add(fields["ping.state"], range, state)
  tree:add(fields["ping.class"], range, class)
  if SILENCE_S[class] then tree:add(fields["ping.seconds"], range, SILENCE_S[class]):set_generated() end
  return string.format("PING(%s, %s)", STATES[state], SILENCE_S[class] and SILENCE_S[class] .. " s" or "as told")
end

-- A frame as a branch: the field `pilotlight.frame` has its name in wire-spec.md, such as "notify".
local function add_frame(tree, tvb, item, name)
  local branch = tree:add(fields["frame"], tvb(item.from, item.to - item.from), name)
  local said = name:upper():gsub("-", "_")
  branch:set_text(said)
  return branch
end

-- @return what the column says, or nil if the item breaks the rules
local function add_number(tree, tvb, item, direction)
  local value = item.value
  if value >= 256 and value <= 65535 and direction == "d2s" then
    local branch = add_frame(tree, tvb, item, "ack")
    branch:add(fields["ack.id"], tvb(item.body - 2, 2))
    return "ACK"
  end
  if value < -24 or value > 23 then
    add_frame(tree, tvb, item, "unknown integer")
    return nil
  end
  local v = value
  if value < 0 then v = 23 - value end
  local branch = add_frame(tree, tvb, item, direction == "d2s" and "ping" or "pong")
  if direction == "d2s" then
    local said = add_ping(branch, tvb, item, v)
    branch:set_text(said)
    return said
  end
  branch:add(fields["pong.number_modulo_48"], tvb(item.from, 1), v)
  return "PONG"
end

local function add_array(tree, tvb, item, direction)
  local first = item.items[1]
  if first == nil or first.kind ~= "uint" then
    add_frame(tree, tvb, item, "array without a type")
    return nil
  end
  local known = FRAMES[direction][first.value]
  local name = known and known[1] or string.format("unknown(%.0f)", first.value)
  local branch = add_frame(tree, tvb, item, name)
  local said = name:upper():gsub("-", "_")
  if first.value < TWO_32 then
    branch:add(fields["frame.type"], tvb(first.from, first.to - first.from), first.value)
  end
  local is_right = true
  for i = 2, #item.items do
    local one, spec = item.items[i], known and known[2][i - 1]
    if spec == nil then -- of a later draft, or grease
      branch:add(fields["item"], tvb(one.from, one.to - one.from))
    else
      is_right = add_value(branch, tvb, item_field(known[1], spec[1]), one, spec[2], spec[3]) and is_right
    end
  end
  if not is_right then return nil end
  return said
end

-- @return what the column says, list of words
local function add_frames(tree, tvb, text, direction)
  local at, said = 0, {}
  while at < #text do
    local item = read_item(text, at, 0)
    if item == nil then
      tree:add_proto_expert_info(experts.frames, "No CBOR of the frame rules at byte " .. at)
      said[#said + 1] = "[malformed]"
      return said
    end
    if item.kind == "null" then
      local rest = text:sub(at + 1)
      if rest:find("[^\246]") then
        tree:add_proto_expert_info(experts.frames, "null may only be followed by null")
        said[#said + 1] = "[malformed]"
        return said
      end
      tree:add(fields["padding"], tvb(at, #rest)):set_text(string.format("Padding: %d bytes", #rest))
      return said
    end
    local word
    if item.kind == "uint" or item.kind == "nint" then
      word = add_number(tree, tvb, item, direction)
    elseif item.kind == "array" then
      word = add_array(tree, tvb, item, direction)
    end
    if word == nil then
      tree:add_proto_expert_info(experts.frames, "A frame of a wrong shape at byte " .. at)
      word = "[malformed]"
    end
    said[#said + 1] = word
    at = item.to
  end
  return said
end

-- Datagrams -----------------------------------------------------------------------------------------------------------

local function raw_of(tvb, from, length)
  if length == 0 then return "" end
  return tvb:raw(from, length)
end

-- Fixed layouts: { field, offset, bytes }.
local HANDSHAKES = {
  [1] = {
    direction = "d2s",
    bytes = 120,
    parts = { { "message1.e", 1, 32 }, { "message1.s", 33, 48 }, { "message1.payload", 81, 23 }, { "message1.mac1", 104, 16 } },
  },
  [3] = { direction = "s2d", bytes = 67, parts = { { "message2.e", 1, 32 }, { "message2.payload", 33, 34 } } },
  [4] = { direction = "s2d", bytes = 45, parts = { { "cookie.nonce", 1, 12 }, { "cookie.sealed", 13, 32 } } },
  [5] = { direction = "s2d", bytes = 13, parts = { { "reset.token", 1, 12 } } },
}
HANDSHAKES[2] = { direction = "d2s", bytes = 136, parts = { { "message1.mac2", 120, 16 } } }
for at, part in ipairs(HANDSHAKES[1].parts) do table.insert(HANDSHAKES[2].parts, at, part) end

local websocket_mask
do -- a build without WebSocket has no such field
  local is_there, made = pcall(Field.new, "websocket.mask")
  if is_there then websocket_mask = made end
end

-- The way of a datagram, and the endpoints of its path as "device" and "server".
local function way_of(pinfo, first)
  local src = tostring(pinfo.src) .. " " .. pinfo.src_port
  local dst = tostring(pinfo.dst) .. " " .. pinfo.dst_port
  local masks = websocket_mask and { websocket_mask() } or {}
  local direction
  if #masks > 0 then
    direction = masks[#masks].value and "d2s" or "s2d" -- clients mask, RFC 6455
  elseif HANDSHAKES[first] then
    direction = HANDSHAKES[first].direction
    servers[direction == "d2s" and dst or src] = true
  elseif pinfo.dst_port == prefs.port or servers[dst] then
    direction = "d2s"
  elseif pinfo.src_port == prefs.port or servers[src] then
    direction = "s2d"
  else
    direction = pinfo.match_uint == pinfo.src_port and "s2d" or "d2s"
  end
  if direction == "d2s" then return direction, src .. " " .. dst end
  return direction, dst .. " " .. src
end

local function dissect_handshake(tvb, pinfo, tree, first)
  local layout = HANDSHAKES[first]
  for _, part in ipairs(layout.parts) do
    local name, from, bytes = part[1], part[2], part[3]
    if from + bytes <= tvb:len() then tree:add(fields[name], tvb(from, bytes)) end
  end
  if tvb:reported_len() ~= layout.bytes then tree:add_proto_expert_info(experts.length) end
  pinfo.cols.info = KINDS[first]
end

local function add_flags(tree, tvb)
  local branch = tree:add(fields["flags"], tvb(0, 1))
  for _, name in ipairs({ "channel", "long", "boot", "ask", "probe", "grease" }) do
    branch:add(fields["flags." .. name], tvb(0, 1))
  end
end

-- Adds the clear header. @return its parts, or nil if it is cut off.
local function add_header(tree, tvb, direction)
  local flags = tvb(0, 1):uint()
  local function has(flag) return band(flags, flag) ~= 0 end
  add_flags(tree, tvb)
  local header = { is_long = has(0x40), has_boot = has(0x20), is_ask = has(0x08), is_probe = has(0x04) }
  if (header.is_ask and direction == "s2d") or (header.is_probe and (header.is_ask or header.has_boot)) then
    tree:add_proto_expert_info(experts.reserved)
  end
  local at = 1
  if direction == "d2s" then
    if tvb:len() < at + 5 then return nil end
    tree:add(fields["cid"], tvb(at, 5))
    header.cid = raw_of(tvb, at, 5)
    at = at + 5
  end
  if header.has_boot then
    if tvb:len() < at + 12 then return nil end
    tree:add(fields["boot"], tvb(at, 12)):add(fields["boot.seconds"], tvb(at, 4))
    at = at + 12
  end
  local bytes = header.is_long and 4 or 1
  if tvb:len() < at + bytes then return nil end
  header.low = tvb(at, bytes):uint()
  tree:add(fields["number_low"], tvb(at, bytes))
  header.bytes = at + bytes
  return header
end

local function words_of(header)
  local words = {}
  if header.is_ask then words[#words + 1] = "ASK" end
  if header.is_probe then words[#words + 1] = "PROBE" end
  if header.has_boot then words[#words + 1] = "BOOT" end
  if header.is_long then words[#words + 1] = "LONG" end
  return words
end

-- The connection IDs of a path; that of this packet is the newest from now on.
local function cids_of(path, cid)
  local cids = paths[path] or {}
  paths[path] = cids
  if cid ~= nil and cids[#cids] ~= cid then
    for at, known in ipairs(cids) do
      if known == cid then
        table.remove(cids, at)
        break
      end
    end
    cids[#cids + 1] = cid
  end
  return cids
end

-- What the packet says: found when it is seen first, in the order of the capture.
local function result_of(pinfo, tvb, header, direction, path)
  local whole = raw_of(tvb, 0, tvb:len())
  local name = pinfo.number .. " " .. whole:sub(-16)
  if found[name] == nil then
    local packet = {
      direction = direction,
      cids = direction == "d2s" and { header.cid } or cids_of(path, nil),
      low = header.low,
      is_long = header.is_long,
      header = whole:sub(1, header.bytes),
      sealed = whole:sub(header.bytes + 1),
    }
    found[name] = open_packet(packet) or false
    if direction == "d2s" and found[name] then cids_of(path, header.cid) end
  end
  return found[name]
end

local function to_tvb(text)
  local bytes = ByteArray.new((text:gsub(".", function(c) return string.format("%02x", c:byte()) end)))
  return bytes:tvb("Pilotlight frames")
end

local function dissect_channel(tvb, pinfo, tree, direction, path)
  local header = add_header(tree, tvb, direction)
  local words = header and words_of(header) or {}
  if header == nil or tvb:reported_len() < header.bytes + 16 or tvb:reported_len() > 1200 then
    tree:add_proto_expert_info(experts.length)
    pinfo.cols.info = direction .. " channel packet of a wrong length"
    return
  end
  local is_whole = tvb:len() == tvb:reported_len()
  if is_whole then
    local bytes = tvb:len() - header.bytes - 16
    if bytes > 0 then tree:add(fields["sealed"], tvb(header.bytes, bytes)) end
    tree:add(fields["tag"], tvb(tvb:len() - 16, 16))
  end
  local result = is_whole and result_of(pinfo, tvb, header, direction, path)
  local prefix = table.concat({ direction, "channel", unpack(words) }, " ")
  if not result then
    if #all_keys[direction] > 0 then tree:add_proto_expert_info(experts.sealed) end
    pinfo.cols.info = string.format("%s number ..%d", prefix, header.low)
    return
  end
  tree:add(fields["number"], tvb(header.bytes - (header.is_long and 4 or 1), header.is_long and 4 or 1), uint64(result.number)):set_generated()
  tree:add(fields["epoch"], result.entry.epoch):set_generated()
  local said = {}
  if #result.text > 0 then
    local opened = to_tvb(result.text)
    local branch = tree:add(fields["plaintext"], opened())
    branch:set_text("Frames")
    said = add_frames(branch, opened, result.text, direction)
  end
  pinfo.cols.info = string.format("%s number %.0f: %s", prefix, result.number, table.concat(said, " "))
end

function pilotlight.dissector(tvb, pinfo, root)
  if tvb:len() == 0 then return 0 end
  local first = tvb(0, 1):uint()
  local is_channel = first >= 0x80
  pinfo.cols.protocol = "Pilotlight"
  local tree = root:add(pilotlight, tvb())
  if not is_channel and HANDSHAKES[first] == nil then
    tree:add_proto_expert_info(experts.kind)
    pinfo.cols.info = "unknown kind"
    return tvb:len()
  end
  local direction, path = way_of(pinfo, first)
  tree:add(fields["direction"], direction):set_generated()
  if is_channel then
    tree:append_text(", channel packet " .. direction)
    dissect_channel(tvb, pinfo, tree, direction, path)
  else
    tree:append_text(", " .. KINDS[first])
    tree:add(fields["kind"], tvb(0, 1)):append_text(" (" .. KINDS[first] .. ")")
    dissect_handshake(tvb, pinfo, tree, first)
  end
  return tvb:len()
end

-- Where it is looked for ----------------------------------------------------------------------------------------------

local udp_ports = DissectorTable.get("udp.port")
local port = prefs.port
udp_ports:add(port, pilotlight)

function pilotlight.prefs_changed()
  if prefs.port ~= port then
    udp_ports:remove(port, pilotlight)
    port = prefs.port
    udp_ports:add(port, pilotlight)
  end
  load_keys()
end

-- wire-spec 8.3: the subprotocol of the WebSocket
local websockets = DissectorTable.get("ws.protocol")
if websockets then websockets:add("pilotlight.1", pilotlight) end

-- Only a handshake can be told from anything else; the ports that it shows are remembered.
pilotlight:register_heuristic("udp", function(tvb, pinfo, root)
  if not prefs.heuristic or tvb:len() == 0 then return false end
  local layout = HANDSHAKES[tvb(0, 1):uint()]
  local is_known = servers[tostring(pinfo.src) .. " " .. pinfo.src_port] or servers[tostring(pinfo.dst) .. " " .. pinfo.dst_port]
  local is_message = layout ~= nil and layout.bytes == tvb:reported_len() and layout.bytes >= 67
  if not is_message and not is_known then return false end
  pilotlight.dissector(tvb, pinfo, root)
  return true
end)
