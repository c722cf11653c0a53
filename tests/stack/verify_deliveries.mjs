// Checks signed deliveries, one a line: v1 by the official JavaScript library, v1a by Node itself.
//
//     .tools/verify/bin/node tests/stack/verify_deliveries.mjs .local/deliveries.jsonl

import { createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const tools = new URL("../../.tools/verify/", import.meta.url);
const { Webhook, WebhookVerificationError } = createRequire(tools)("standardwebhooks");

function acceptsV1({ secret, body, headers }) {
  // A text is taken for Latin-1 there: a secret in the customer's own words is given as UTF-8 bytes.
  const isOurs = secret.startsWith("whsec_");
  const library = isOurs ? new Webhook(secret) : new Webhook(new TextEncoder().encode(secret), { format: "raw" });
  try {
    library.verify(body, headers);
    return true;
  } catch (error) {
    if (error instanceof WebhookVerificationError) return false;
    throw error;
  }
}

function acceptsV1a({ headers, body, keys }) {
  const seconds = headers["webhook-timestamp"];
  const content = Buffer.from(`${headers["webhook-id"]}.${seconds}.${body}`);
  const signatures = headers["webhook-signature"].split(" ").filter((it) => it.startsWith("v1a,"));
  const isRight = keys.keys.some(({ key }) => {
    const x = Buffer.from(key.replace("whpk_", ""), "base64").toString("base64url");
    const publicKey = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
    return signatures.some((it) => verify(null, content, publicKey, Buffer.from(it.slice(4), "base64")));
  });
  return isRight && Math.abs(Date.now() / 1000 - Number(seconds)) <= 300;
}

let [passed, failed] = [0, 0];
for (const line of readFileSync(process.argv[2], "utf8").trimEnd().split("\n")) {
  const delivery = JSON.parse(line);
  for (const [scheme, accepts] of [["v1", acceptsV1], ["v1a", acceptsV1a]]) {
    if (accepts(delivery) === delivery.accepted) {
      passed += 1;
    } else {
      failed += 1;
      console.log(`${delivery.name}: ${scheme} should be ${delivery.accepted ? "accepted" : "refused"}`);
    }
  }
}
console.log(`node: ${passed} passed, ${failed} failed`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);
