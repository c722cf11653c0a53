#!/usr/bin/env node
// Receives VAI's webhooks. Needs Node 18 or later and nothing else.
//
//     WEBHOOK_SECRET=whsec_… node receiver.mjs
//     node receiver.mjs --api https://api.example.com --url https://me.example.com/webhooks/vai --setup-token …
//
// Put your own code into `handle`. README.md says what the rest does.

import { createHash, createHmac, createPublicKey, randomBytes, timingSafeEqual, verify as verifySignature } from "node:crypto";
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { parseArgs } from "node:util";

const TYPES = new Set([
  "conversation.started", "message.received", "message.sent", "conversation.ended", "agent.metrics", "webhook.test",
  "booking.created", "booking.rescheduled", "booking.canceled", "booking.reminded", "booking.no_show",
  "booking.no_show_withdrawn", "booking.completed", "notification.delivered", "notification.failed",
  "notification.replied", "endpoint.failing", "endpoint.disabled",
]);
const CATCH_UP_PATHS = new Map([["booking", "bookings"], ["conversation", "conversations"]]);
const TOLERANCE_SECONDS = 300;
const CALL_MS = 5_000;
const KEYS_MS = 3_600_000, KEYS_AT_MOST_MS = 24 * KEYS_MS, KEYS_RETRY_MS = 60_000;
const MAX_BODY_BYTES = 1024 * 1024;
const REMEMBERED_IDS = 10_000;

/** Your code. It gets each event once; those of a stream in their order. */
function handle(event, stream, number) {
  console.log(`event: ${event.type} ${stream ?? "-"} ${number ?? "-"}`);
}

/** The answer to a delivery that is not accepted. The sender tries again later. */
class Refused extends Error {
  constructor(status, reason) {
    super(reason);
    this.status = status;
  }
}

const options = readOptions();
const streams = new Map();
const seen = new Set();
const byType = {};
const counts = { received: 0, unknownTypes: 0, duplicates: 0, refused: 0, v1: 0, v1a: 0, v1aUnchecked: 0, gaps: 0, fetched: 0 };
let lastReceived = null;
let keys = [], keysAt = 0, keysTriedAt = 0;
if (options.dump) writeFileSync(options.dump, "");

/** Returns the JSON that a URL answers; with a body, it is a POST. Redirects are refused: they'd get the token. */
async function call(url, token, body) {
  const answer = await fetch(url, {
    method: body ? "POST" : "GET",
    headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
    body: body && JSON.stringify(body),
    redirect: "error",
    signal: AbortSignal.timeout(CALL_MS),
  });
  if (!answer.ok) throw new Error(`${answer.status} ${(await answer.text()).slice(0, 300)}`);
  return answer.json();
}

/** Decodes base64 strictly; what is not base64 is empty. */
function decode(text) {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : Buffer.alloc(0);
}

/** Returns the key for v1: what whsec_ encodes, or the UTF-8 of a secret in your own words. */
function readKey(secret) {
  if (!secret.startsWith("whsec_")) return Buffer.from(secret);
  const key = decode(secret.slice(6));
  if (key.length >= 24 && key.length <= 64) return key;
  throw new Error("a secret that begins with whsec_ must go on with base64 of 24 to 64 bytes");
}

/** Returns the keys for v1a: a copy is asked for anew after an hour, and used for a day at most. */
async function publicKeys() {
  const now = Date.now();
  if (options.keysUrl && now - keysAt > KEYS_MS && now - keysTriedAt > KEYS_RETRY_MS) {
    keysTriedAt = now;
    try {
      const published = (await call(options.keysUrl)).keys.filter((it) => it.key.startsWith("whpk_"));
      const read = (it) => ({ kty: "OKP", crv: "Ed25519", x: decode(it.key.slice(5)).toString("base64url") });
      keys = published.map((it) => createPublicKey({ key: read(it), format: "jwk" }));
      keysAt = now;
    } catch (error) {
      console.error(`keys: can't be fetched: ${error.message}`);
    }
  }
  return now - keysAt < KEYS_AT_MOST_MS ? keys : [];
}

/** Checks id, timestamp and signatures; returns the id. Source: Standard Webhooks 1.0.0. */
async function verify(headers, body) {
  const [id, seconds, signatures] = ["id", "timestamp", "signature"].map((it) => headers[`webhook-${it}`] ?? "");
  if (!/^[!-\-/-~]+$/.test(id) || !/^[0-9]{1,12}$/.test(seconds)) {
    throw new Refused(401, "webhook-id or webhook-timestamp is missing or malformed");
  }
  const content = Buffer.concat([Buffer.from(`${id}.${seconds}.`), body]);
  const ofScheme = (scheme) =>
    signatures.split(" ").filter((it) => it.startsWith(`${scheme},`)).map((it) => decode(it.slice(scheme.length + 1)));
  const [v1, v1a] = [ofScheme("v1"), ofScheme("v1a")];
  const checked = [];
  if (v1.length && options.key) {
    const expected = createHmac("sha256", options.key).update(content).digest();
    if (!v1.some((it) => it.length === expected.length && timingSafeEqual(it, expected))) {
      throw new Refused(401, "no signature v1 is right");
    }
    checked.push("v1");
  }
  if (v1a.length) {
    const known = await publicKeys();
    if (!known.length) checked.push("v1aUnchecked");
    else if (known.some((key) => v1a.some((it) => verifySignature(null, content, key, it)))) checked.push("v1a");
    else throw new Refused(401, "no signature v1a is right");
  }
  if (!checked.some((it) => it !== "v1aUnchecked")) {
    throw new Refused(401, "there is no signature that can be checked here");
  }
  if (Math.abs(Date.now() / 1000 - Number(seconds)) > TOLERANCE_SECONDS) {
    throw new Refused(401, "the timestamp is more than 5 minutes old or ahead");
  }
  for (const scheme of checked) counts[scheme] += 1;
  return id;
}

/** Returns the sequence of an event, or nothing: one that a template has changed may have none. */
function readSequence(event) {
  const it = event?.sequence;
  const previous = it?.previous ?? null;
  const isOne = typeof it?.stream === "string" && Number.isSafeInteger(it.number) && it.number > 0 &&
    (previous === null || typeof previous === "string");
  return isOne ? { ...it, previous } : undefined;
}

/** Takes a verified delivery. Returns whether it was there before. */
async function receive(id, body) {
  let text, event;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
    event = JSON.parse(text);
  } catch {
    throw new Refused(400, "the body is not JSON");
  }
  const { stream: name, number } = readSequence(event) ?? {};
  if (!streams.has(name)) {
    streams.set(name, { last: Promise.resolve(), through: 0, held: 0, highest: 0, digest: null });
  }
  const stream = streams.get(name);
  // One at a time in a stream; the others don't wait.
  const taken = stream.last.then(() => take(id, text, event, name, number, stream));
  stream.last = taken.catch(() => {});
  return taken;
}

async function take(id, text, event, name, number, stream) {
  if (seen.has(id) || (name !== undefined && number <= stream.through)) {
    counts.duplicates += 1;
    return true;
  }
  if (name === undefined) {
    accept(id, text, event, null, null);
    return false;
  }
  let missing = [];
  if (number > stream.through + 1) {
    if (number > stream.highest) counts.gaps += 1;
    stream.highest = Math.max(stream.highest, number);
    missing = await catchUp(name, stream, number - 1);
  }
  append(name, stream, [...missing, { number, id, body: text }]);
  counts.fetched += missing.length;
  return false;
}

/** Fetches the events that lack, as they were delivered. Without a token, they stay missing. */
async function catchUp(name, stream, until) {
  const at = name.indexOf("/");
  const path = CATCH_UP_PATHS.get(name.slice(0, at));
  const missing = [];
  if (!options.api || !options.catchUpToken || !path) {
    Object.assign(stream, { through: until, digest: "unknown" });
    return missing;
  }
  const url = `${options.api}/api/${path}/${encodeURIComponent(name.slice(at + 1))}/events`;
  const through = () => stream.through + missing.length;
  while (through() < until) {
    const before = through();
    let answer;
    try {
      answer = await call(`${url}?after=${before}`, options.catchUpToken);
      for (const event of answer.events) {
        if (event.number === through() + 1 && event.number <= until) missing.push(event);
      }
    } catch (error) {
      throw new Refused(503, `catching up failed: ${error.message}`);
    }
    if (through() === before || (through() < until && !answer.hasMore)) {
      throw new Refused(503, `catching up gave nothing after number ${through()}`);
    }
  }
  return missing;
}

/** Takes the next events of a stream, if each names the digest of the one before it; else none of them. */
function append(name, stream, events) {
  let digest = stream.digest;
  const parsed = [];
  for (const { number, id, body } of events) {
    // An event for which the endpoint's template failed was never sent: its body is empty.
    if (body !== "") {
      let event, sequence;
      try {
        event = JSON.parse(body);
        sequence = readSequence(event);
      } catch {
        // What is not JSON follows nothing.
      }
      const follows = digest === "unknown" || sequence?.previous === digest;
      if (sequence?.stream !== name || sequence.number !== number || !follows) {
        throw new Refused(409, `event ${number} does not follow the one before it`);
      }
      parsed.push([id, body, event, name, number]);
    }
    digest = `sha256:${createHash("sha256").update(body).digest("hex")}`;
  }
  stream.through += events.length;
  stream.held += events.length;
  stream.highest = Math.max(stream.highest, stream.through);
  stream.digest = digest;
  for (const it of parsed) accept(...it);
}

function accept(id, text, event, name, number) {
  seen.add(id);
  if (seen.size > REMEMBERED_IDS) seen.delete(seen.values().next().value);
  const type = TYPES.has(event?.type) ? event.type : "unknown";
  byType[type] = (byType[type] ?? 0) + 1;
  counts.received += 1;
  if (type === "unknown") counts.unknownTypes += 1;
  lastReceived = new Date().toISOString();
  if (options.dump) appendFileSync(options.dump, `${JSON.stringify({ stream: name, number, id, body: text })}\n`);
  handle(event ?? {}, name, number);
}

function status() {
  const named = [...streams].filter(([name]) => name !== undefined);
  const { received, unknownTypes, duplicates, refused, v1, v1a, v1aUnchecked } = counts;
  const missing = named.reduce((sum, [, it]) => sum + it.highest - it.held, 0);
  return {
    ready: isReady(), received, byType, unknownTypes, lastReceived, duplicates, refused,
    signatures: { v1, v1a, v1aUnchecked },
    gaps: { found: counts.gaps, fetched: counts.fetched, missing },
    streams: Object.fromEntries(named.map(([name, it]) => [name, it.through])),
  };
}

function isReady() {
  return Boolean(options.key || options.keysUrl);
}

async function readBody(request) {
  const chunks = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) throw new Refused(413, `the body has more than ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function answer(request) {
  if (request.method === "POST") {
    const body = await readBody(request);
    if (!isReady()) throw new Refused(503, "there is no secret yet: the set-up is not done");
    return { received: true, duplicate: await receive(await verify(request.headers, body), body) };
  }
  if (request.url === "/health") return { status: "ok" };
  if (request.url === "/webhook/status") return status();
  throw new Refused(404, "there are /health and /webhook/status; deliveries are sent by POST");
}

const server = createServer(async (request, response) => {
  let code = 200, body;
  try {
    body = await answer(request);
  } catch (error) {
    if (request.method === "POST") {
      counts.refused += 1;
      console.error(`refused: ${error.message}`);
    }
    code = error.status ?? 500;
    body = { error: error.message };
  }
  if (code === 413) response.shouldKeepAlive = false;
  response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify(body));
});

function stop(reason) {
  console.error(reason);
  process.exit(2);
}

function readOptions() {
  const env = process.env;
  const defaults = {
    port: env.PORT || "3004", host: env.HOST_ADDRESS || "127.0.0.1", secret: env.WEBHOOK_SECRET,
    "keys-url": env.KEYS_URL, api: env.API_URL, "catch-up-token": env.CATCH_UP_TOKEN,
    "setup-token": env.SETUP_TOKEN, url: env.PUBLIC_URL, state: env.STATE_FILE || ".vai-receiver.json", dump: undefined,
  };
  const flags = Object.fromEntries(Object.keys(defaults).map((name) => [name, { type: "string" }]));
  let values;
  try {
    values = { ...defaults, ...parseArgs({ options: flags }).values };
  } catch (error) {
    stop(`${error.message}\nflags: ${Object.keys(flags).map((name) => `--${name}`).join(" ")}`);
  }
  const read = {
    port: Number(values.port), host: values.host, keysUrl: values["keys-url"], api: values.api?.replace(/\/+$/, ""),
    catchUpToken: values["catch-up-token"], setupToken: values["setup-token"], url: values.url, state: values.state,
    dump: values.dump, key: undefined,
  };
  if (read.setupToken && !(read.api && read.url)) stop("--setup-token also needs --api and --url");
  try {
    if (values.secret) read.key = readKey(values.secret);
    else if (!read.setupToken && existsSync(read.state)) adopt(read, JSON.parse(readFileSync(read.state, "utf8")));
  } catch (error) {
    stop(`the secret or ${read.state} can't be used: ${error.message}`);
  }
  if (!(read.setupToken || read.key || read.keysUrl)) {
    stop("set WEBHOOK_SECRET, or give --setup-token, --api and --url");
  }
  return read;
}

function adopt(into, answer) {
  if (typeof answer.secret !== "string" || typeof answer.catchUpToken !== "string") {
    throw new Error("secret or catchUpToken is missing");
  }
  into.key = readKey(answer.secret);
  into.catchUpToken = answer.catchUpToken;
  into.keysUrl = answer.keysUrl;
  into.api = answer.api ?? into.api;
}

/** Registers this receiver, and keeps secret and token for the next start. */
async function setUp() {
  try {
    // The signed test comes while this call is answered, so the secret must be known before.
    const secret = `whsec_${randomBytes(32).toString("base64")}`;
    options.key = readKey(secret);
    const body = { token: options.setupToken, url: options.url, secret, verify: true };
    const answer = await call(`${options.api}/api/endpoints/setup`, undefined, body);
    adopt(options, answer);
    writeFileSync(options.state, JSON.stringify({ ...answer, api: options.api }), { mode: 0o600 });
    console.log(`set up: endpoint ${answer.id}; secret and token are in ${options.state}`);
  } catch (error) {
    stop(`set-up failed: ${error.message}`);
  }
}

server.listen(options.port, options.host, () => {
  console.log(`receiver: http://${options.host}:${server.address().port}`);
  if (options.setupToken) setUp();
});
