'use strict';
// How a client program talks with the tests: words in, one answer a line out, and the record
// files of harness/records.py.
const fs = require('fs');
const readline = require('readline');

/** Answers each line on stdin with "ok ..." or "error ..."; one at a time, in order. */
async function serve(verbs) {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [verb, ...words] = line.split(' ');
    try {
      if (!verbs[verb]) throw new Error(`unknown verb ${verb}`);
      const answer = await verbs[verb](...words);
      process.stdout.write(`ok ${answer === undefined ? '' : answer}\n`);
    } catch (error) {
      process.stderr.write(`${error.stack}\n`);
      process.stdout.write(`error ${String(error).replace(/\n/g, ' ')}\n`);
    }
  }
}

function readRecords(path) {
  const data = fs.readFileSync(path);
  let position = 0;
  const int32 = () => data.readInt32BE((position += 4) - 4);
  const int64 = () => data.readBigInt64BE((position += 8) - 8);
  const bytes = () => {
    const length = int32();
    return length < 0 ? null : data.subarray(position, (position += length));
  };
  const records = [];
  while (position < data.length) {
    const record = { offset: int64(), timestamp: int64(), partition: int32(), key: bytes(), value: bytes() };
    record.headers = Array.from({ length: int32() }, () => [bytes().toString(), bytes()]);
    records.push(record);
  }
  return records;
}

function writeRecords(path, records) {
  const pieces = [];
  const int32 = (number) => {
    const piece = Buffer.alloc(4);
    piece.writeInt32BE(number);
    pieces.push(piece);
  };
  const int64 = (number) => {
    const piece = Buffer.alloc(8);
    piece.writeBigInt64BE(BigInt(number));
    pieces.push(piece);
  };
  const bytes = (data) => {
    int32(data === null || data === undefined ? -1 : data.length);
    if (data) pieces.push(data);
  };
  for (const record of records) {
    int64(record.offset);
    int64(record.timestamp);
    int32(record.partition);
    bytes(record.key);
    bytes(record.value);
    int32(record.headers.length);
    for (const [name, value] of record.headers) {
      bytes(Buffer.from(name));
      bytes(value);
    }
  }
  fs.writeFileSync(path, Buffer.concat(pieces));
}

/** {partition: offset} of words like "0:17". */
function offsets(words) {
  return Object.fromEntries(words.map((word) => word.split(':')));
}

module.exports = { offsets, readRecords, serve, writeRecords };
