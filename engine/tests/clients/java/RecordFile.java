import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;

/** The record files of harness/records.py. */
final class RecordFile {
    private RecordFile() {}

    static List<ProducerRecord<byte[], byte[]>> read(String topic, String path) throws IOException {
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        try (var in = new DataInputStream(new BufferedInputStream(new FileInputStream(path)))) {
            while (true) {
                try {
                    in.readLong();
                } catch (EOFException end) {
                    return records;
                }
                long timestamp = in.readLong();
                int partition = in.readInt();
                byte[] key = bytes(in);
                byte[] value = bytes(in);
                int count = in.readInt();
                List<Header> headers = new ArrayList<>();
                for (int i = 0; i < count; i++) {
                    String name = new String(bytes(in), StandardCharsets.UTF_8);
                    headers.add(new RecordHeader(name, bytes(in)));
                }
                records.add(new ProducerRecord<>(topic, partition, timestamp, key, value, headers));
            }
        }
    }

    static void write(String path, List<ConsumerRecord<byte[], byte[]>> records) throws IOException {
        try (var out = new DataOutputStream(new BufferedOutputStream(new FileOutputStream(path)))) {
            for (ConsumerRecord<byte[], byte[]> record : records) {
                out.writeLong(record.offset());
                out.writeLong(record.timestamp());
                out.writeInt(record.partition());
                bytes(out, record.key());
                bytes(out, record.value());
                Header[] headers = record.headers().toArray();
                out.writeInt(headers.length);
                for (Header header : headers) {
                    bytes(out, header.key().getBytes(StandardCharsets.UTF_8));
                    bytes(out, header.value());
                }
            }
        }
    }

    private static byte[] bytes(DataInputStream in) throws IOException {
        int length = in.readInt();
        return length < 0 ? null : in.readNBytes(length);
    }

    private static void bytes(DataOutputStream out, byte[] data) throws IOException {
        out.writeInt(data == null ? -1 : data.length);
        if (data != null) {
            out.write(data);
        }
    }
}
