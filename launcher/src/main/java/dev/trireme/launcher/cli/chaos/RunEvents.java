package dev.trireme.launcher.cli.chaos;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.trireme.launcher.control.ControlClient.RefusedException;
import dev.trireme.launcher.control.ControlClient.UnreachableException;
import dev.trireme.launcher.control.JobChannel;
import dev.trireme.launcher.control.JobChannel.Lines;
import dev.trireme.launcher.control.JobChannel.RunFile;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;

/** What a run's files tell while it goes on; an unfinished last line is not looked at. */
final class RunEvents {
  private static final JsonMapper JSON = JsonMapper.builder().build();

  private final JobChannel channel;
  private final Map<RunFile, Long> read = new EnumMap<>(RunFile.class);
  private final List<JsonNode> events = new ArrayList<>();
  private long step;

  RunEvents(JobChannel channel) {
    this.channel = channel;
  }

  /** The first event of a type that is not from before a moment, and for which this holds. */
  Optional<JsonNode> since(String type, Instant moment, Predicate<JsonNode> condition)
      throws UnreachableException, RefusedException, IOException {
    events.addAll(more(RunFile.EVENTS));
    return events.stream()
        .filter(e -> e.path("type").asText().equals(type))
        .filter(e -> !time(e).isBefore(moment))
        .filter(condition)
        .findFirst();
  }

  static Instant time(JsonNode event) {
    return Instant.parse(event.path("time").asText());
  }

  /** The newest step that the metrics tell of; 0 when none. */
  long step() throws UnreachableException, RefusedException, IOException {
    for (JsonNode line : more(RunFile.METRICS)) {
      step = line.path("step").asLong();
    }
    return step;
  }

  private List<JsonNode> more(RunFile file)
      throws UnreachableException, RefusedException, IOException {
    List<JsonNode> found = new ArrayList<>();
    for (boolean all = false; !all; ) {
      long from = read.getOrDefault(file, 0L);
      Lines lines = channel.lines(file, from);
      for (String line : lines.text().split("\n")) {
        if (!line.isBlank()) {
          found.add(JSON.readTree(line));
        }
      }
      read.put(file, lines.next());
      all = lines.next() == from;
    }
    return found;
  }
}
