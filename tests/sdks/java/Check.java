// Reads events as a node sent them with the CloudEvents SDK of Java, and prints what the SDK understood, a line each.
// Arguments: a file of events in JSON, one a line, then a file of Kafka messages. It judges nothing: the test compares.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cloudevents.CloudEvent;
import io.cloudevents.core.format.EventFormat;
import io.cloudevents.core.provider.EventFormatProvider;
import io.cloudevents.jackson.JsonFormat;
import io.cloudevents.kafka.KafkaMessageFactory;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.kafka.clients.consumer.ConsumerRecord;

public final class Check {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final PrintStream OUT = new PrintStream(System.out, false, StandardCharsets.UTF_8);

    public static void main(String[] arguments) throws Exception {
        EventFormat format = EventFormatProvider.getInstance().resolveFormat(JsonFormat.CONTENT_TYPE);
        for (String line : Files.readAllLines(Path.of(arguments[0]))) {
            show(format.deserialize(line.getBytes(StandardCharsets.UTF_8)));
        }
        for (String line : Files.readAllLines(Path.of(arguments[1]))) {
            show(event(record(JSON.readTree(line))));
        }
        OUT.flush();
    }

    /** As the documentation says it, of a consumer whose values are bytes. */
    private static CloudEvent event(ConsumerRecord<String, byte[]> record) {
        return KafkaMessageFactory.createReader(record).toEvent();
    }

    private static ConsumerRecord<String, byte[]> record(JsonNode message) {
        JsonNode value = message.get("value");
        byte[] bytes = value.isNull() ? null : value.asText().getBytes(StandardCharsets.UTF_8);
        ConsumerRecord<String, byte[]> record = new ConsumerRecord<>("events", 0, 0, message.get("key").asText(), bytes);
        message.get("headers").fields().forEachRemaining(header ->
            record.headers().add(header.getKey(), header.getValue().asText().getBytes(StandardCharsets.UTF_8)));
        return record;
    }

    private static void show(CloudEvent event) throws Exception {
        ObjectNode shown = JSON.createObjectNode();
        shown.put("id", event.getId()).put("type", event.getType()).put("source", event.getSource().toString());
        if (event.getSubject() != null) {
            shown.put("subject", event.getSubject());
        }
        if (event.getDataSchema() != null) {
            shown.put("dataschema", event.getDataSchema().toString());
        }
        shown.put("ledgersequence", event.getExtension("ledgersequence").toString());
        if (event.getData() != null) {
            shown.set("data", JSON.readTree(event.getData().toBytes()));
        }
        OUT.println(JSON.writeValueAsString(shown));
    }
}
