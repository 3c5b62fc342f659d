// A pool of node's `pg` that a test drives line by line: `warm` prepares the statement on every connection, `claim`
// executes it once and prints the id of the row, or the SQLSTATE.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { Pool } = createRequire(process.env.SABOT_CLIENTS + "/node/")("pg");
const [size, rounds] = [Number(process.argv[2]), Number(process.argv[3])];
const pool = new Pool({ max: size, connectionTimeoutMillis: 30_000 });
// The pool drops an idle connection that the server closes, and says so.
pool.on("error", () => {});
const claim = { name: "claim", text: process.env.SABOT_CLAIM, values: ["queued"] };

async function warm() {
  const clients = await Promise.all(Array.from({ length: size }, () => pool.connect()));
  for (let round = 0; round < rounds; round++) {
    for (const client of clients) await client.query(claim);
  }
  clients.forEach((client) => client.release());
  return "warm";
}

async function claimOnce(attempts = size) {
  const client = await pool.connect();
  try {
    const { rows } = await client.query(claim);
    client.release();
    return String(rows[0].id);
  } catch (error) {
    // A connection that was closed between being chosen and being used; any other error leaves it in the pool.
    const closed = error.code === "57P01" || !/^[0-9A-Z]{5}$/.test(error.code ?? "");
    client.release(closed);
    return closed && attempts > 0 ? claimOnce(attempts - 1) : error.code ?? error.message;
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(await (line === "warm" ? warm() : claimOnce()));
}
await pool.end();
