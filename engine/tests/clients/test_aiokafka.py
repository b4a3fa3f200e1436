"""aiokafka (asyncio) makes the journey; its admin client does the administration."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from harness.journey import Client, run_journey, with_key_or_value
from harness.records import CODECS, Record

REQUEST_BYTES_MAX = 1_048_000

pytestmark = pytest.mark.client("aiokafka 0.14.0")


class Aiokafka(Client):
    name = "aiokafka"

    def fit(self, record):
        return with_key_or_value(record)

    def create_topic(self, topic, partitions):
        self._ask_admin(lambda admin: admin.create_topics([NewTopic(topic, partitions, 1)]))

    def produce(self, topic, codec, records):
        asyncio.run(self._produce(topic, codec, records))

    async def _produce(self, topic, codec, records):
        producer = AIOKafkaProducer(
            bootstrap_servers=self.address,
            compression_type=None if codec == "none" else codec,
            enable_idempotence=True,
            max_request_size=REQUEST_BYTES_MAX,
            linger_ms=20,
        )
        async with producer:
            sent = [
                await producer.send(
                    topic,
                    key=r.key,
                    value=r.value,
                    headers=list(r.headers),
                    partition=r.partition,
                    timestamp_ms=r.timestamp,
                )
                for r in records
            ]
            await asyncio.wait_for(asyncio.gather(*sent), 120)

    def consume(self, topic, partitions):
        return asyncio.run(self._consume(topic, partitions))

    async def _consume(self, topic, partitions):
        consumer = AIOKafkaConsumer(bootstrap_servers=self.address, auto_offset_reset="none")
        async with consumer:
            asked = [TopicPartition(topic, p) for p in range(partitions)]
            consumer.assign(asked)
            start = await consumer.beginning_offsets(asked)
            ends = await consumer.end_offsets(asked)
            left = {tp for tp in asked if start[tp] < ends[tp]}
            consumer.assign(list(left))
            for tp in left:
                consumer.seek(tp, start[tp])
            read = []
            while left:
                polled = await consumer.getmany(timeout_ms=30_000)
                assert polled, f"nothing for 30 s, still waiting for {left}"
                for tp, messages in polled.items():
                    read += [
                        Record(m.partition, m.timestamp, m.key, m.value, m.headers, m.offset)
                        for m in messages
                    ]
                    if await consumer.position(tp) >= ends[tp]:
                        left.discard(tp)
            return read

    def offsets_for_time(self, topic, partitions, timestamp):
        return asyncio.run(self._offsets_for_time(topic, partitions, timestamp))

    async def _offsets_for_time(self, topic, partitions, timestamp):
        async with AIOKafkaConsumer(bootstrap_servers=self.address) as consumer:
            asked = {TopicPartition(topic, p): timestamp for p in range(partitions)}
            found = await consumer.offsets_for_times(asked)
            return {tp.partition: -1 if at is None else at.offset for tp, at in found.items()}

    def delete_records(self, topic, before):
        asked = {TopicPartition(topic, p): RecordsToDelete(o) for p, o in before.items()}
        self._ask_admin(lambda admin: admin.delete_records(asked))

    def delete_topic(self, topic):
        self._ask_admin(lambda admin: admin.delete_topics([topic]))

    def topics(self):
        return set(self._ask_admin(lambda admin: admin.list_topics()))

    def _ask_admin(self, ask):
        async def asking():
            admin = AIOKafkaAdminClient(bootstrap_servers=self.address)
            await admin.start()
            try:
                return await ask(admin)
            finally:
                await admin.close()

        return asyncio.run(asking())


@pytest.mark.parametrize("codec", CODECS)
def test_journey(broker, codec):
    run_journey(Aiokafka(broker.address), broker, codec)
