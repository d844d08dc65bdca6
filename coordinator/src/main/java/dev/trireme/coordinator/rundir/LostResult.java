package dev.trireme.coordinator.rundir;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import dev.trireme.api.train.WireBytes;
import dev.trireme.coordinator.JobResult;
import dev.trireme.protocol.Stored.GenerationRecord;
import dev.trireme.protocol.Stored.JobRecord;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.List;
import java.util.Map;

/**
 * The {@code result.json} of a job that has ended, where the coordinator that ended it did not come
 * to write it: the record is made durable first. It says what the record and the run's files tell;
 * what only the ranks knew (the hash of the state, the final figures) is not there.
 *
 * <p>Threading: one thread. Blocks as long as the files do.
 */
public final class LostResult {
  private LostResult() {}

  /** Whether this is a run's directory without a result. */
  public static boolean isIn(Path directory) {
    return Files.isRegularFile(directory.resolve(RunDirectory.SPEC))
        && !Files.exists(directory.resolve(RunDirectory.RESULT));
  }

  /**
   * What is known of how a job ended.
   *
   * @param record a final one
   * @param now where the run's events do not say when it ended
   * @throws IOException when the run's files cannot be read
   */
  public static JobResult of(JobRecord record, Instant now) throws IOException {
    Path directory = Path.of(record.runDirectory());
    List<Map<String, String>> events = Tail.read(directory.resolve(RunDirectory.EVENTS));
    List<GenerationRecord> generations =
        record.generations().stream().filter(GenerationRecord::wasFormed).toList();
    int newest = generations.size() - 1;
    Instant from = Instant.ofEpochMilli(record.submittedMillis());
    return new JobResult(
        record.jobId(),
        record.job().name(),
        record.state(),
        record.reason(),
        false,
        RunDirectory.lastStep(Tail.read(directory.resolve(RunDirectory.METRICS))),
        epochs(events),
        newest < 0 ? 0 : generations.get(newest).worldSize(),
        generations.size(),
        Double.NaN,
        WireBytes.NONE,
        Map.of(),
        "",
        Duration.between(from, end(events, now)).toMillis() / 1000.0);
  }

  /** Puts it in place as a whole. */
  public static void write(Path directory, JobResult result) throws IOException {
    StringWriter text = new StringWriter();
    try (JsonGenerator generator = new JsonFactory().createGenerator(text)) {
      generator.useDefaultPrettyPrinter();
      EventJson.result(generator, result);
    }
    RunFile.replace(directory.resolve(RunDirectory.RESULT), text + "\n");
  }

  private static int epochs(List<Map<String, String>> events) {
    int epochs = 0;
    for (Map<String, String> event : events) {
      String epoch = event.getOrDefault("epoch", "");
      if ("epoch".equals(event.get("type")) && epoch.matches("[0-9]{1,9}")) {
        epochs = Math.max(epochs, Integer.parseInt(epoch) + 1);
      }
    }
    return epochs;
  }

  private static Instant end(List<Map<String, String>> events, Instant now) {
    try {
      return events.isEmpty()
          ? now
          : Instant.parse(events.get(events.size() - 1).getOrDefault("time", ""));
    } catch (DateTimeParseException e) {
      return now; // The file is its user's.
    }
  }
}
