import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** The verbs of harness/journey.py with the Java client. Usage: Journey ADDRESS. */
final class Journey {
    private static final Duration SILENCE_MAX = Duration.ofSeconds(30);
    private final String address;

    private Journey(String address) {
        this.address = address;
    }

    public static void main(String[] arguments) throws Exception {
        Journey journey = new Journey(arguments[0]);
        Words.serve(journey::run);
    }

    private String run(String verb, List<String> words) throws Exception {
        String topic = words.isEmpty() ? "" : words.get(0);
        switch (verb) {
            case "create":
                return admin(a -> a.createTopics(
                    List.of(new NewTopic(topic, Integer.parseInt(words.get(1)), (short) 1))).all().get());
            case "produce":
                return produce(topic, words.get(1), words.get(2));
            case "consume":
                return consume(topic, Integer.parseInt(words.get(1)), words.get(2));
            case "times":
                return times(topic, Integer.parseInt(words.get(1)), Long.parseLong(words.get(2)));
            case "delete-records":
                return deleteRecords(topic, words.subList(1, words.size()));
            case "delete":
                return admin(a -> a.deleteTopics(List.of(topic)).all().get());
            case "topics":
                try (Admin admin = Admin.create(settings())) {
                    return String.join(" ", admin.listTopics().names().get());
                }
            default:
                throw new IllegalArgumentException("unknown verb " + verb);
        }
    }

    private Map<String, Object> settings() {
        Map<String, Object> settings = new HashMap<>();
        settings.put("bootstrap.servers", address);
        settings.put("reconnect.backoff.max.ms", 500);
        settings.put("key.serializer", ByteArraySerializer.class);
        settings.put("value.serializer", ByteArraySerializer.class);
        settings.put("key.deserializer", ByteArrayDeserializer.class);
        settings.put("value.deserializer", ByteArrayDeserializer.class);
        return settings;
    }

    private interface AdminCall {
        void on(Admin admin) throws Exception;
    }

    private String admin(AdminCall call) throws Exception {
        try (Admin admin = Admin.create(settings())) {
            call.on(admin);
        }
        return "";
    }

    private String produce(String topic, String codec, String path) throws Exception {
        Map<String, Object> settings = settings();
        settings.put("compression.type", codec);
        settings.put("acks", "all");
        settings.put("linger.ms", 20);
        try (var producer = new KafkaProducer<byte[], byte[]>(settings)) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (var record : RecordFile.read(topic, path)) {
                sent.add(producer.send(record));
            }
            for (Future<RecordMetadata> one : sent) {
                one.get();
            }
            return String.valueOf(sent.size());
        }
    }

    private static List<TopicPartition> partitions(String topic, int count) {
        return IntStream.range(0, count).mapToObj(p -> new TopicPartition(topic, p)).collect(Collectors.toList());
    }

    private KafkaConsumer<byte[], byte[]> consumer() {
        Map<String, Object> settings = settings();
        settings.put("enable.auto.commit", false);
        settings.put("auto.offset.reset", "none");
        return new KafkaConsumer<>(settings);
    }

    private String consume(String topic, int partitions, String path) throws Exception {
        List<TopicPartition> all = partitions(topic, partitions);
        List<ConsumerRecord<byte[], byte[]>> read = new ArrayList<>();
        try (var consumer = consumer()) {
            Map<TopicPartition, Long> starts = consumer.beginningOffsets(all);
            Map<TopicPartition, Long> ends = consumer.endOffsets(all);
            Set<TopicPartition> left = new HashSet<>(all);
            left.removeIf(p -> starts.get(p) >= ends.get(p));
            consumer.assign(List.copyOf(left));
            left.forEach(p -> consumer.seek(p, starts.get(p)));
            while (!left.isEmpty()) {
                var polled = consumer.poll(SILENCE_MAX);
                if (polled.isEmpty()) {
                    throw new IllegalStateException("nothing read for " + SILENCE_MAX);
                }
                polled.forEach(read::add);
                left.removeIf(p -> consumer.position(p) >= ends.get(p));
            }
        }
        RecordFile.write(path, read);
        return String.valueOf(read.size());
    }

    private String times(String topic, int partitions, long timestamp) {
        try (var consumer = consumer()) {
            List<TopicPartition> all = partitions(topic, partitions);
            var found = consumer.offsetsForTimes(
                all.stream().collect(Collectors.toMap(p -> p, p -> timestamp)));
            return all.stream()
                .map(p -> found.get(p) == null ? "-1" : String.valueOf(found.get(p).offset()))
                .collect(Collectors.joining(" "));
        }
    }

    /** Each word is partition:offset. */
    private String deleteRecords(String topic, List<String> words) throws Exception {
        Map<TopicPartition, RecordsToDelete> before = new HashMap<>();
        for (String word : words) {
            String[] pair = word.split(":");
            before.put(
                new TopicPartition(topic, Integer.parseInt(pair[0])),
                RecordsToDelete.beforeOffset(Long.parseLong(pair[1])));
        }
        return admin(a -> a.deleteRecords(before).all().get());
    }
}
