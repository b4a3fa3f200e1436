// Command franz knows the verbs of harness/journey.py with franz-go. Usage: franz ADDRESS.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"ringlog.tests/clients/tell"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	callMax         = 60 * time.Second
	messageBytesMax = 1_048_500
)

var codecs = map[string]kgo.CompressionCodec{
	"none":   kgo.NoCompression(),
	"gzip":   kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(),
	"lz4":    kgo.Lz4Compression(),
	"zstd":   kgo.ZstdCompression(),
}

func main() {
	address := os.Args[1]
	tell.Serve(func(verb string, words []string) (string, error) {
		ctx, cancel := context.WithTimeout(context.Background(), callMax)
		defer cancel()
		return run(ctx, address, verb, words)
	})
}

func run(ctx context.Context, address, verb string, words []string) (string, error) {
	switch verb {
	case "produce":
		return produce(ctx, address, words[0], words[1], words[2])
	case "consume":
		return "", consume(ctx, address, words[0], words[2])
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(address))
	if err != nil {
		return "", err
	}
	defer client.Close()
	return administer(ctx, kadm.NewClient(client), verb, words)
}

func administer(ctx context.Context, admin *kadm.Client, verb string, words []string) (string, error) {
	switch verb {
	case "create":
		_, err := admin.CreateTopic(ctx, tell.Int32(words[1]), 1, nil, words[0])
		return "", err
	case "times":
		return times(ctx, admin, words[0], tell.Int32(words[1]), tell.Int64(words[2]))
	case "delete-records":
		before := make(kadm.Offsets)
		for partition, offset := range tell.Offsets(words[1:]) {
			before.Add(kadm.Offset{Topic: words[0], Partition: partition, At: offset, LeaderEpoch: -1})
		}
		answer, err := admin.DeleteRecords(ctx, before)
		if err == nil {
			err = answer.Error()
		}
		return "", err
	case "delete":
		_, err := admin.DeleteTopic(ctx, words[0])
		return "", err
	case "topics":
		topics, err := admin.ListTopics(ctx)
		return strings.Join(topics.Names(), " "), err
	}
	return "", fmt.Errorf("unknown verb %s", verb)
}

func times(ctx context.Context, admin *kadm.Client, topic string, partitions int32, at int64) (string, error) {
	listed, err := admin.ListOffsetsAfterMilli(ctx, at, topic)
	if err != nil {
		return "", err
	}
	// franz-go gives the end where no record is that late; the tests want -1 there.
	found := make([]int64, partitions)
	for p := range partitions {
		one, _ := listed.Lookup(topic, p)
		if one.Err != nil {
			return "", one.Err
		}
		found[p] = one.Offset
		if one.Timestamp == -1 {
			found[p] = -1
		}
	}
	return tell.Join(found), nil
}

func produce(ctx context.Context, address, topic, codec, path string) (string, error) {
	records, err := tell.ReadRecords(path)
	if err != nil {
		return "", err
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(address),
		kgo.ProducerBatchCompression(codecs[codec]),
		kgo.ProducerBatchMaxBytes(messageBytesMax),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.MaxBufferedRecords(len(records)+1),
	)
	if err != nil {
		return "", err
	}
	defer client.Close()
	sent := make([]*kgo.Record, 0, len(records))
	for _, r := range records {
		one := &kgo.Record{
			Topic: topic, Partition: r.Partition, Key: r.Key, Value: r.Value,
			Timestamp: time.UnixMilli(r.Timestamp),
		}
		for _, h := range r.Headers {
			one.Headers = append(one.Headers, kgo.RecordHeader{Key: h.Name, Value: h.Value})
		}
		sent = append(sent, one)
	}
	return fmt.Sprint(len(sent)), client.ProduceSync(ctx, sent...).FirstErr()
}

func consume(ctx context.Context, address, topic, path string) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(address))
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	starts, err := admin.ListStartOffsets(ctx, topic)
	if err != nil {
		return err
	}
	ends, err := admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return err
	}
	from := make(map[int32]kgo.Offset)
	left := make(map[int32]int64)
	starts.Each(func(start kadm.ListedOffset) {
		if end, _ := ends.Lookup(topic, start.Partition); start.Offset < end.Offset {
			from[start.Partition] = kgo.NewOffset().At(start.Offset)
			left[start.Partition] = end.Offset
		}
	})
	client.AddConsumePartitions(map[string]map[int32]kgo.Offset{topic: from})
	var read []tell.Record
	for len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			read = append(read, record(r))
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
		})
	}
	return tell.WriteRecords(path, read)
}

func record(r *kgo.Record) tell.Record {
	one := tell.Record{
		Offset: r.Offset, Timestamp: r.Timestamp.UnixMilli(), Partition: r.Partition,
		Key: r.Key, Value: r.Value,
	}
	for _, h := range r.Headers {
		one.Headers = append(one.Headers, tell.Header{Name: h.Key, Value: h.Value})
	}
	return one
}
