package dev.trireme.systemtests;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** Reads float32 tensors of a checkpoint from the safetensors format's own description. */
final class Safetensors {
  private Safetensors() {}

  /** All float32 tensors of all shards of a checkpoint. */
  static Map<String, float[]> read(Path checkpoint) throws IOException {
    Map<String, float[]> tensors = new TreeMap<>();
    try (Stream<Path> files = Files.list(checkpoint)) {
      for (Path file : files.filter(f -> f.toString().endsWith(".safetensors")).toList()) {
        readShard(file, tensors);
      }
    }
    return tensors;
  }

  private static void readShard(Path file, Map<String, float[]> into) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    int headerLength = Math.toIntExact(bytes.getLong());
    byte[] header = new byte[headerLength];
    bytes.get(header);
    JsonNode entries = new ObjectMapper().readTree(header);
    entries
        .properties()
        .forEach(
            entry -> {
              if ("F32".equals(entry.getValue().path("dtype").asText())) {
                int from = 8 + headerLength + entry.getValue().path("data_offsets").get(0).asInt();
                int to = 8 + headerLength + entry.getValue().path("data_offsets").get(1).asInt();
                float[] values = new float[(to - from) / 4];
                bytes.position(from);
                bytes.asFloatBuffer().get(values);
                into.put(entry.getKey(), values);
              }
            });
  }
}
