// Command sarama knows the verbs of harness/journey.py with Sarama. Usage: sarama ADDRESS.
package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"ringlog.tests/clients/tell"

	"github.com/IBM/sarama"
)

const (
	silenceMax      = 30 * time.Second
	messageBytesMax = 1_048_000
)

var codecs = map[string]sarama.CompressionCodec{
	"none":   sarama.CompressionNone,
	"gzip":   sarama.CompressionGZIP,
	"snappy": sarama.CompressionSnappy,
	"lz4":    sarama.CompressionLZ4,
	"zstd":   sarama.CompressionZSTD,
}

func main() {
	addresses := []string{os.Args[1]}
	tell.Serve(func(verb string, words []string) (string, error) {
		return run(addresses, verb, words)
	})
}

func config() *sarama.Config {
	made := sarama.NewConfig()
	made.Version = sarama.MaxVersion
	return made
}

func run(addresses []string, verb string, words []string) (string, error) {
	switch verb {
	case "produce":
		return produce(addresses, words[0], words[1], words[2])
	case "consume":
		return "", consume(addresses, words[0], tell.Int32(words[1]), words[2])
	case "times":
		return times(addresses, words[0], tell.Int32(words[1]), tell.Int64(words[2]))
	}
	admin, err := sarama.NewClusterAdmin(addresses, config())
	if err != nil {
		return "", err
	}
	defer admin.Close()
	switch verb {
	case "create":
		detail := sarama.TopicDetail{NumPartitions: tell.Int32(words[1]), ReplicationFactor: 1}
		return "", admin.CreateTopic(words[0], &detail, false)
	case "delete-records":
		return "", admin.DeleteRecords(words[0], tell.Offsets(words[1:]))
	case "delete":
		return "", admin.DeleteTopic(words[0])
	case "topics":
		topics, err := admin.ListTopics()
		return strings.Join(slices.Collect(maps.Keys(topics)), " "), err
	}
	return "", fmt.Errorf("unknown verb %s", verb)
}

func times(addresses []string, topic string, partitions int32, at int64) (string, error) {
	client, err := sarama.NewClient(addresses, config())
	if err != nil {
		return "", err
	}
	defer client.Close()
	found := make([]int64, partitions)
	for p := range partitions {
		if found[p], err = client.GetOffset(topic, p, at); err != nil {
			return "", err
		}
	}
	return tell.Join(found), nil
}

func produce(addresses []string, topic, codec, path string) (string, error) {
	records, err := tell.ReadRecords(path)
	if err != nil {
		return "", err
	}
	settings := config()
	settings.Producer.Compression = codecs[codec]
	settings.Producer.Idempotent = true
	settings.Net.MaxOpenRequests = 1
	settings.Producer.RequiredAcks = sarama.WaitForAll
	settings.Producer.Partitioner = sarama.NewManualPartitioner
	settings.Producer.MaxMessageBytes = messageBytesMax
	settings.Producer.Return.Successes = true
	// One request carries one batch per partition, of at most this many bytes.
	settings.Producer.Flush.Bytes = messageBytesMax / 4
	settings.Producer.Flush.Frequency = 20 * time.Millisecond
	producer, err := sarama.NewSyncProducer(addresses, settings)
	if err != nil {
		return "", err
	}
	messages := make([]*sarama.ProducerMessage, 0, len(records))
	for _, r := range records {
		messages = append(messages, message(topic, r))
	}
	err = producer.SendMessages(messages)
	return fmt.Sprint(len(messages)), errors.Join(err, producer.Close())
}

func message(topic string, r tell.Record) *sarama.ProducerMessage {
	one := &sarama.ProducerMessage{
		Topic: topic, Partition: r.Partition, Timestamp: time.UnixMilli(r.Timestamp),
	}
	if r.Key != nil {
		one.Key = sarama.ByteEncoder(r.Key)
	}
	if r.Value != nil {
		one.Value = sarama.ByteEncoder(r.Value)
	}
	for _, h := range r.Headers {
		one.Headers = append(one.Headers, sarama.RecordHeader{Key: []byte(h.Name), Value: h.Value})
	}
	return one
}

func consume(addresses []string, topic string, partitions int32, path string) error {
	client, err := sarama.NewClient(addresses, config())
	if err != nil {
		return err
	}
	defer client.Close()
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		return err
	}
	defer consumer.Close()
	var read []tell.Record
	for p := range partitions {
		start, err := client.GetOffset(topic, p, sarama.OffsetOldest)
		if err != nil {
			return err
		}
		end, err := client.GetOffset(topic, p, sarama.OffsetNewest)
		if err != nil {
			return err
		}
		if read, err = readPartition(consumer, topic, p, start, end, read); err != nil {
			return err
		}
	}
	return tell.WriteRecords(path, read)
}

func readPartition(
	consumer sarama.Consumer, topic string, partition int32, start, end int64, read []tell.Record,
) ([]tell.Record, error) {
	if start >= end {
		return read, nil
	}
	messages, err := consumer.ConsumePartition(topic, partition, start)
	if err != nil {
		return nil, err
	}
	defer messages.Close()
	for next := start; next < end; {
		select {
		case m := <-messages.Messages():
			read = append(read, record(m))
			next = m.Offset + 1
		case <-time.After(silenceMax):
			return nil, fmt.Errorf("nothing read for %s at %d of %d", silenceMax, next, end)
		}
	}
	return read, nil
}

func record(m *sarama.ConsumerMessage) tell.Record {
	one := tell.Record{
		Offset: m.Offset, Timestamp: m.Timestamp.UnixMilli(), Partition: m.Partition,
		Key: m.Key, Value: m.Value,
	}
	for _, h := range m.Headers {
		one.Headers = append(one.Headers, tell.Header{Name: string(h.Key), Value: h.Value})
	}
	return one
}
