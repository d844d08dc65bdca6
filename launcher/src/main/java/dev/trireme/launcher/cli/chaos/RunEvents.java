package dev.trireme.launcher.cli.chaos;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** What a run's files tell while it goes on; an unfinished last line is not looked at. */
final class RunEvents {
  private static final JsonMapper JSON = JsonMapper.builder().build();

  private final Path run;

  RunEvents(Path run) {
    this.run = run;
  }

  /** The events of a type so far, oldest first. */
  List<JsonNode> ofType(String type) throws IOException {
    return lines("events.jsonl", "\"type\":\"" + type + "\"");
  }

  /** The first event of a type that is not from before a moment. */
  Optional<JsonNode> since(String type, Instant moment) throws IOException {
    return ofType(type).stream().filter(e -> !time(e).isBefore(moment)).findFirst();
  }

  static Instant time(JsonNode event) {
    return Instant.parse(event.path("time").asText());
  }

  /** The newest step that the metrics tell of; 0 when none. */
  long step() throws IOException {
    List<JsonNode> all = lines("metrics.jsonl", "\"step\"");
    return all.isEmpty() ? 0 : all.get(all.size() - 1).path("step").asLong();
  }

  private List<JsonNode> lines(String file, String containing) throws IOException {
    Path path = run.resolve(file);
    List<JsonNode> found = new ArrayList<>();
    if (Files.isRegularFile(path)) {
      String text = Files.readString(path, StandardCharsets.UTF_8);
      for (String line : text.substring(0, text.lastIndexOf('\n') + 1).split("\n")) {
        if (line.contains(containing)) {
          found.add(JSON.readTree(line));
        }
      }
    }
    return found;
  }
}
