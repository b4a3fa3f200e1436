'use strict';
// The verbs of harness/journey.py with KafkaJS. Usage: kafkajs.js ADDRESS.
const { CompressionCodecs, CompressionTypes, Kafka, Partitioners, logLevel } = require('kafkajs');
const tell = require('./tell');

CompressionCodecs[CompressionTypes.Snappy] = require('kafkajs-snappy');
const CODECS = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy };
// One send makes one batch per partition; this keeps it below max.message.bytes.
const SEND_BYTES_MAX = 500_000;
const SILENCE_MS_MAX = 30_000;

const kafka = new Kafka({ brokers: [process.argv[2]], logLevel: logLevel.ERROR, retry: { initialRetryTime: 50 } });

async function withAdmin(ask) {
  const admin = kafka.admin();
  await admin.connect();
  try {
    return await ask(admin);
  } finally {
    await admin.disconnect();
  }
}

function* portions(records) {
  let portion = [];
  let size = 0;
  for (const record of records) {
    const bytes = record.value ? record.value.length : 0;
    if (portion.length && size + bytes > SEND_BYTES_MAX) {
      yield portion;
      portion = [];
      size = 0;
    }
    portion.push(record);
    size += bytes;
  }
  yield portion;
}

/** KafkaJS takes headers as an object; a repeated name becomes an array. */
function headersOut(headers) {
  const out = {};
  for (const [name, value] of headers) {
    out[name] = name in out ? [].concat(out[name], value) : value;
  }
  return out;
}

function headersIn(headers) {
  return Object.entries(headers).flatMap(([name, values]) => [].concat(values).map((value) => [name, value]));
}

async function produce(topic, codec, path) {
  const producer = kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  const records = tell.readRecords(path);
  for (const portion of portions(records)) {
    await producer.send({
      topic,
      compression: CODECS[codec],
      messages: portion.map((r) => ({
        key: r.key,
        value: r.value,
        partition: r.partition,
        timestamp: String(r.timestamp),
        headers: headersOut(r.headers),
      })),
    });
  }
  await producer.disconnect();
  return records.length;
}

/** KafkaJS reads in groups only: a fresh group per call, from the log start to the end. */
async function consume(topic, partitions, path) {
  const ends = await withAdmin((admin) => admin.fetchTopicOffsets(topic));
  const left = new Map(ends.filter((e) => BigInt(e.low) < BigInt(e.high)).map((e) => [e.partition, BigInt(e.high)]));
  const groupId = `kafkajs-${process.pid}-${Date.now()}`;
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 100 });
  const read = [];
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  try {
    if (left.size) await readUntil(consumer, left, read);
  } finally {
    await consumer.disconnect();
  }
  tell.writeRecords(path, read);
  return read.length;
}

function readUntil(consumer, left, read) {
  return new Promise((resolve, reject) => {
    let timer = setTimeout(() => reject(new Error('nothing read')), SILENCE_MS_MAX);
    consumer.on(consumer.events.CRASH, ({ payload }) => payload.restart || reject(payload.error));
    consumer
      .run({
        eachMessage: async ({ partition, message }) => {
          timer.refresh();
          read.push({ ...message, partition, headers: headersIn(message.headers || {}) });
          if (BigInt(message.offset) + 1n >= left.get(partition)) left.delete(partition);
          if (!left.size) {
            clearTimeout(timer);
            resolve();
          }
        },
      })
      .catch(reject);
  });
}

tell.serve({
  create: (topic, numPartitions) =>
    withAdmin(async (admin) => {
      await admin.createTopics({ topics: [{ topic, numPartitions: Number(numPartitions) }] });
    }),
  produce,
  consume,
  times: (topic, partitions, timestamp) =>
    withAdmin(async (admin) => {
      const found = await admin.fetchTopicOffsetsByTimestamp(topic, Number(timestamp));
      const high = await admin.fetchTopicOffsets(topic);
      // KafkaJS gives the end where no record is that late; the tests want -1 there.
      const end = Object.fromEntries(high.map((e) => [e.partition, e.high]));
      const at = Object.fromEntries(found.map((f) => [f.partition, f.offset === end[f.partition] ? -1 : f.offset]));
      return Array.from({ length: Number(partitions) }, (_, p) => at[p]).join(' ');
    }),
  'delete-records': (topic, ...words) =>
    withAdmin(async (admin) => {
      const partitions = Object.entries(tell.offsets(words)).map(([p, offset]) => ({ partition: Number(p), offset }));
      // It looks leaders up only among topics it has already asked about.
      await admin.fetchTopicOffsets(topic);
      await admin.deleteTopicRecords({ topic, partitions });
    }),
  delete: (topic) => withAdmin((admin) => admin.deleteTopics({ topics: [topic] })),
  topics: () => withAdmin(async (admin) => (await admin.listTopics()).join(' ')),
}).then(() => process.exit(0));
