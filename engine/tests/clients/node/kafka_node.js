'use strict';
// What applications of 2019 do with kafka-node 5.0.0. Usage: kafka_node.js ADDRESS.
//
// Known of this client: it has no headers, no timestamps on produce in its API, and a commit of
// offset 0 with empty metadata reads back as "no commit".
const kafka = require('kafka-node');
const tell = require('./tell');

const kafkaHost = process.argv[2];
const CODECS = { none: 0, gzip: 1, snappy: 2 };
const SILENCE_MS_MAX = 30_000;
const PORTION = 500;

function client() {
  const made = new kafka.KafkaClient({ kafkaHost, connectTimeout: 10_000, requestTimeout: 30_000 });
  return new Promise((resolve, reject) => {
    made.once('ready', () => resolve(made));
    made.once('error', reject);
  });
}

/** A function that takes a callback last, as a promise. */
function promised(object, name, ...words) {
  return new Promise((resolve, reject) => {
    object[name](...words, (error, answer) => (error ? reject(asError(error)) : resolve(answer)));
  });
}

function asError(error) {
  return error instanceof Error ? error : new Error(JSON.stringify(error));
}

async function withClient(use) {
  const made = await client();
  try {
    return await use(made);
  } finally {
    await new Promise((resolve) => made.close(resolve));
  }
}

function ready(emitter) {
  if (emitter.ready) return Promise.resolve();
  return new Promise((resolve, reject) => {
    emitter.once('ready', resolve);
    emitter.once('error', reject);
  });
}

/** Values only, or keyed messages where the record has a key. */
function message(record) {
  const value = record.value;
  return record.key === null ? value : new kafka.KeyedMessage(record.key, value);
}

/** `kind` is Producer (the partition is named) or HighLevelProducer (it picks one). */
async function produce(kind, topic, codec, path) {
  const records = tell.readRecords(path);
  await withClient(async (made) => {
    const producer = new kafka[kind](made, { requireAcks: 1, ackTimeoutMs: 10_000 });
    await ready(producer);
    await promised(made, 'loadMetadataForTopics', [topic]);
    for (let start = 0; start < records.length; start += PORTION) {
      const partitions = new Map();
      for (const record of records.slice(start, start + PORTION)) {
        if (!partitions.has(record.partition)) partitions.set(record.partition, []);
        partitions.get(record.partition).push(message(record));
      }
      const payloads = [...partitions].map(([partition, messages]) => ({
        topic,
        messages,
        attributes: CODECS[codec],
        ...(kind === 'Producer' ? { partition } : {}),
      }));
      await promised(producer, 'send', payloads);
    }
  });
  return records.length;
}

function asRecord(m) {
  const bytes = (data) => (data === null || data === undefined ? null : Buffer.from(data));
  const timestamp = m.timestamp === undefined ? 0 : new Date(m.timestamp).getTime();
  return { ...m, key: bytes(m.key), value: bytes(m.value), timestamp, headers: [] };
}

/** Low-level offsets of a topic: time -1 is the end, -2 the start. */
async function offsets(made, topic, partitions, time) {
  const payloads = Array.from({ length: Number(partitions) }, (_, partition) => ({
    topic,
    partition,
    time: Number(time),
    maxNum: 1,
  }));
  const found = await promised(new kafka.Offset(made), 'fetch', payloads);
  return payloads.map(({ partition }) => {
    const [offset] = found[topic][partition];
    return offset === undefined ? -1 : offset;
  });
}

/** The plain Consumer: named partitions, offsets of its own. */
async function consume(topic, partitions, path) {
  const read = [];
  await withClient(async (made) => {
    const starts = await offsets(made, topic, partitions, -2);
    const ends = await offsets(made, topic, partitions, -1);
    const left = new Map();
    const payloads = [];
    starts.forEach((offset, partition) => {
      if (offset >= ends[partition]) return;
      left.set(partition, ends[partition]);
      payloads.push({ topic, partition, offset });
    });
    if (!left.size) return;
    const consumer = new kafka.Consumer(made, payloads, {
      autoCommit: false,
      fromOffset: true,
      fetchMaxBytes: 4 << 20,
      encoding: 'buffer',
      keyEncoding: 'buffer',
    });
    await collect(consumer, read, (m) => {
      if (m.offset + 1 >= left.get(m.partition)) left.delete(m.partition);
      return left.size === 0;
    });
    await new Promise((resolve) => consumer.close(resolve));
  });
  // A message may come twice when two fetches overlap: a habit of this client.
  const seen = new Set();
  const once = read.filter((m) => {
    const place = `${m.partition}:${m.offset}`;
    return !seen.has(place) && seen.add(place);
  });
  tell.writeRecords(path, once.map(asRecord));
  return once.length;
}

/** Gather messages until `done(message)`. */
function collect(consumer, read, done) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`silence after ${read.length} messages`)), SILENCE_MS_MAX);
    const finish = (settle, value) => {
      clearTimeout(timer);
      consumer.pause();
      settle(value);
    };
    consumer.on('error', (error) => finish(reject, error));
    consumer.on('offsetOutOfRange', (error) => finish(reject, error));
    consumer.on('message', (m) => {
      timer.refresh();
      read.push(m);
      if (done(m)) finish(resolve);
    });
  });
}

function member(groupId, topic, id) {
  const options = {
    kafkaHost,
    id,
    groupId,
    sessionTimeout: 6000,
    heartbeatInterval: 1000,
    protocol: ['roundrobin'],
    fromOffset: 'earliest',
    commitOffsetsOnFirstJoin: true,
    autoCommit: true,
    autoCommitIntervalMs: 500,
    encoding: 'buffer',
    keyEncoding: 'buffer',
  };
  return new kafka.ConsumerGroup(options, [topic]);
}

/**
 * Three members share the partitions; when `third` of the messages came, one is closed without
 * leaving the group, and the others take its partitions over. Answers how many messages each
 * member got and how many different ones came in all.
 */
async function group(groupId, topic, count) {
  const members = ['a', 'b', 'c'].map((id) => member(groupId, topic, id));
  const got = [0, 0, 0];
  const places = new Set();
  let closed = false;
  await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`silence at ${places.size} of ${count}, ${got}`)), SILENCE_MS_MAX);
    members.forEach((one, i) => {
      one.on('error', (error) => closed && i === 2 ? undefined : reject(error));
      one.on('message', (m) => {
        timer.refresh();
        got[i] += 1;
        places.add(`${m.partition}:${m.offset}`);
        if (!closed && places.size >= Number(count) / 3) {
          closed = true;
          members[2].close(true, () => {});
        }
        if (places.size >= Number(count)) {
          clearTimeout(timer);
          resolve();
        }
      });
    });
  });
  await Promise.all(members.slice(0, 2).map((one) => new Promise((resolve) => one.close(true, resolve))));
  return [places.size, ...got].join(' ');
}

async function withAdmin(ask) {
  return withClient((made) => ask(new kafka.Admin(made)));
}

tell.serve({
  create: (topic, partitions) =>
    withAdmin(async (admin) => {
      const asked = [{ topic, partitions: Number(partitions), replicationFactor: 1 }];
      const failed = await promised(admin, 'createTopics', asked);
      if (failed && failed.length) throw new Error(JSON.stringify(failed));
    }),
  produce: (topic, codec, path) => produce('Producer', topic, codec, path),
  'produce-high-level': (topic, codec, path) => produce('HighLevelProducer', topic, codec, path),
  consume,
  group,
  'offsets-at': (topic, partitions, time) =>
    withClient(async (made) => (await offsets(made, topic, partitions, time)).join(' ')),
  commit: (groupId, topic, partition, offset) =>
    withClient(async (made) => {
      const asked = [{ topic, partition: Number(partition), offset: Number(offset) }];
      await promised(new kafka.Offset(made), 'commit', groupId, asked);
    }),
  committed: (groupId, topic, partition) =>
    withClient(async (made) => {
      const asked = [{ topic, partition: Number(partition) }];
      const found = await promised(new kafka.Offset(made), 'fetchCommits', groupId, asked);
      return found[topic][partition];
    }),
  topics: () =>
    withAdmin(async (admin) => {
      const [, { metadata }] = await promised(admin, 'listTopics');
      return Object.keys(metadata).join(' ');
    }),
  groups: () => withAdmin(async (admin) => Object.keys(await promised(admin, 'listGroups')).join(' ')),
  'describe-group': (groupId) =>
    withAdmin(async (admin) => {
      const found = await promised(admin, 'describeGroups', [groupId]);
      return found[groupId].state;
    }),
}).then(() => process.exit(0));
