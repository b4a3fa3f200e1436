import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;

/**
 * Makes the calls of the Java AdminClient that need no groups, against one topic of its own.
 * Prints a line per call: its name, then "ok ..." with what was found, or "error ...".
 * Usage: Administer ADDRESS TOPIC.
 */
final class Administer {
    private static final long CALL_SECONDS_MAX = 30;

    private interface Call {
        Object on(Admin admin) throws Exception;
    }

    private final Admin admin;

    private Administer(Admin admin) {
        this.admin = admin;
    }

    public static void main(String[] arguments) {
        String topic = arguments[1];
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", arguments[0]))) {
            Administer calls = new Administer(admin);
            calls.cluster();
            calls.topics(topic);
            calls.configs(topic);
            calls.offsets(topic);
            calls.call("deleteTopics", a -> get(a.deleteTopics(List.of(topic)).all()));
        }
    }

    private void call(String name, Call call) {
        try {
            System.out.println(name + " ok " + call.on(admin));
        } catch (Exception e) {
            Throwable cause = e.getCause() == null ? e : e.getCause();
            System.out.println(name + " error " + cause.toString().replace('\n', ' '));
        }
    }

    private static <T> T get(KafkaFuture<T> future) throws Exception {
        return future.get(CALL_SECONDS_MAX, TimeUnit.SECONDS);
    }

    private void cluster() {
        call("describeCluster", a -> get(a.describeCluster().nodes()).size() > 0);
        call("describeFeatures", a -> get(a.describeFeatures().featureMetadata()) != null);
        call("describeLogDirs", a -> {
            List<Integer> nodes = new ArrayList<>();
            get(a.describeCluster().nodes()).forEach(node -> nodes.add(node.id()));
            return get(a.describeLogDirs(nodes).allDescriptions()).keySet().equals(Set.copyOf(nodes));
        });
    }

    private void topics(String topic) {
        call("createTopics", a -> get(a.createTopics(List.of(
            new NewTopic(topic, Optional.of(2), Optional.empty())
                .configs(Map.of("retention.ms", "86400000")))).all()));
        call("createTopics again", a -> get(a.createTopics(List.of(new NewTopic(topic, 2, (short) 1))).all()));
        call("createTopics replicated", a -> get(a.createTopics(
            List.of(new NewTopic(topic + "-replicated", 1, (short) 3))).all()));
        call("listTopics", a -> get(a.listTopics().names()).contains(topic));
        call("describeTopics", a -> {
            var described = get(a.describeTopics(List.of(topic)).allTopicNames()).get(topic);
            return described.partitions().size() + " " + !described.topicId().toString().startsWith("AAAAAAAA");
        });
        call("createPartitions", a -> get(a.createPartitions(Map.of(topic, NewPartitions.increaseTo(4))).all()));
        call("describeTopics after", a ->
            get(a.describeTopics(List.of(topic)).allTopicNames()).get(topic).partitions().size());
    }

    private void configs(String topic) {
        var resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        call("describeConfigs", a -> entry(a, resource, "retention.ms"));
        call("incrementalAlterConfigs", a -> get(a.incrementalAlterConfigs(Map.of(resource, List.of(
            new AlterConfigOp(new ConfigEntry("retention.ms", "3600000"), AlterConfigOp.OpType.SET)))).all()));
        call("describeConfigs after", a -> entry(a, resource, "retention.ms"));
        call("incrementalAlterConfigs delete", a -> get(a.incrementalAlterConfigs(Map.of(resource, List.of(
            new AlterConfigOp(new ConfigEntry("retention.ms", ""), AlterConfigOp.OpType.DELETE)))).all()));
        call("describeConfigs default", a -> entry(a, resource, "retention.ms"));
        call("incrementalAlterConfigs wrong", a -> get(a.incrementalAlterConfigs(Map.of(resource, List.of(
            new AlterConfigOp(new ConfigEntry("retention.ms", "soon"), AlterConfigOp.OpType.SET)))).all()));
    }

    private static String entry(Admin admin, ConfigResource resource, String name) throws Exception {
        ConfigEntry entry = get(admin.describeConfigs(List.of(resource)).all()).get(resource).get(name);
        return entry.value() + " " + entry.source();
    }

    private void offsets(String topic) {
        var partition = new TopicPartition(topic, 0);
        call("listOffsets earliest", a -> offset(a, partition, OffsetSpec.earliest()));
        call("listOffsets latest", a -> offset(a, partition, OffsetSpec.latest()));
        call("listOffsets maxTimestamp", a -> offset(a, partition, OffsetSpec.maxTimestamp()));
        call("listOffsets time", a -> offset(a, partition, OffsetSpec.forTimestamp(1)));
        call("deleteRecords", a -> get(a.deleteRecords(
            Map.of(partition, RecordsToDelete.beforeOffset(0))).all()));
        call("deleteRecords beyond", a -> get(a.deleteRecords(
            Map.of(partition, RecordsToDelete.beforeOffset(1000))).all()));
    }

    private static long offset(Admin admin, TopicPartition partition, OffsetSpec spec) throws Exception {
        return get(admin.listOffsets(Map.of(partition, spec)).partitionResult(partition)).offset();
    }
}
