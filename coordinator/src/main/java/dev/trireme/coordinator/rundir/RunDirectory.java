package dev.trireme.coordinator.rundir;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.JobEvent;
import dev.trireme.protocol.JobState;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes a run's files as its events happen:
 *
 * <ul>
 *   <li>{@code job.yaml}: the resolved job spec, with what the ranks have tuned once they have;
 *   <li>{@code metrics.jsonl}: a line for each {@link JobEvent.Progress}: {@code time, generation,
 *       step, epoch} (from 0), {@code position} (of the step's first item in its epoch), {@code
 *       samples, loss, samplesPerSecond, lr, nativeBytes}, {@code wireBytes} (of gradients that
 *       each rank sent in the step), {@code wireRatio} (to what that is without compression),
 *       {@code failedCheckpoints}, and further figures of rank 0 where it has any, as {@code
 *       staleness.N} with a parameter server;
 *   <li>{@code events.jsonl}: a line for each other event, with {@code time, type} and what the
 *       event holds;
 *   <li>{@code samples.jsonl}: what the steps were trained on, see {@link SampleLog};
 *   <li>{@code result.json}: how the job ended; appears whole, at the end.
 * </ul>
 *
 * <p>A line of the first two that came of what an agent said names it, {@code said}: {@link
 * Origin}.
 *
 * <p>Times are ISO 8601 in UTC; numbers that are none (NaN, infinite) are null. Lines are flushed
 * one by one, and appended to what an earlier run of the same directory has left.
 *
 * <p>Threading: one thread. Writes to files; blocks as long as those do.
 */
public final class RunDirectory implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(RunDirectory.class);

  static final String SPEC = "job.yaml";
  static final String METRICS = "metrics.jsonl";
  static final String EVENTS = "events.jsonl";
  static final String RESULT = "result.json";
  static final String SAID = "said";

  private final JsonFactory json = new JsonFactory();
  private final Path directory;
  private final long lastStep;
  private final LineFile metrics;
  private final LineFile events;
  private final SampleLog samples;
  private final Map<String, Origin> recorded = new HashMap<>();

  private RunDirectory(
      Path directory, List<Origin> recorded, long lastStep, LineFile metrics, LineFile events) {
    this.directory = directory;
    this.lastStep = lastStep;
    recorded.forEach(this::note);
    this.metrics = metrics;
    this.events = events;
    this.samples = new SampleLog(directory.resolve(SampleLog.FILE));
  }

  /**
   * Makes the directory where it is absent, writes the job spec into it, and takes an earlier run's
   * result away.
   *
   * @param resolvedSpec as YAML
   * @throws CoordinatorException when it cannot be written, or has something in the place of a file
   *     that is none
   */
  public static RunDirectory open(Path directory, String resolvedSpec) {
    LineFile metrics = null;
    try {
      Files.createDirectories(directory);
      Files.deleteIfExists(directory.resolve(RESULT));
      RunFile.replace(directory.resolve(SPEC), resolvedSpec);
      List<Map<String, String>> steps = Tail.read(directory.resolve(METRICS));
      List<Origin> recorded = new ArrayList<>(origins(directory.resolve(METRICS), steps));
      recorded.addAll(origins(directory.resolve(EVENTS), Tail.read(directory.resolve(EVENTS))));
      metrics = new LineFile(directory.resolve(METRICS));
      LineFile events = new LineFile(directory.resolve(EVENTS));
      return new RunDirectory(directory, recorded, lastStep(steps), metrics, events);
    } catch (IOException e) {
      closeQuietly(metrics);
      throw new CoordinatorException(
          "cannot write the run directory "
              + directory
              + ": "
              + describe(e)
              + "; mend that or choose another",
          e);
    }
  }

  /** What these lines name; a line that somebody else has written may name anything. */
  private static List<Origin> origins(Path file, List<Map<String, String>> lines) {
    List<Origin> origins = new ArrayList<>();
    int unreadable = 0;
    for (Map<String, String> line : lines) {
      if (line.containsKey(SAID)) {
        Optional<Origin> origin = Origin.parse(line.get(SAID));
        origin.ifPresent(origins::add);
        unreadable += origin.isEmpty() ? 1 : 0;
      }
    }
    if (unreadable > 0) {
      LOG.warn(
          "{}: {} of the last {} lines have a '{}' that is no agent/incarnation:number.part; they"
              + " are left out",
          file,
          unreadable,
          lines.size(),
          SAID);
    }
    return origins;
  }

  static long lastStep(List<Map<String, String>> lines) {
    String step = lines.isEmpty() ? "" : lines.get(lines.size() - 1).getOrDefault("step", "");
    return step.matches("[0-9]{1,18}") ? Long.parseLong(step) : 0;
  }

  /** The newest step that an earlier run of the directory has noted; 0 where there is none. */
  public long lastStep() {
    return lastStep;
  }

  private void note(Origin origin) {
    recorded.merge(origin.source(), origin, (a, b) -> b.isAfter(a) ? b : a);
  }

  private boolean isRecorded(Origin origin) {
    Origin newest = recorded.get(origin.source());
    return newest != null && !origin.isAfter(newest);
  }

  /** Writes what an event says that nobody told; see {@link #write(JobEvent, Optional)}. */
  public void write(JobEvent event) {
    write(event, Optional.empty());
  }

  /**
   * Writes what an event says.
   *
   * @param origin what made it happen, if an agent's word did; what these files hold already, or
   *     something after it from the same source, is not written again
   * @throws UncheckedIOException when the file cannot be written
   */
  public void write(JobEvent event, Optional<Origin> origin) {
    try {
      if (event instanceof JobEvent.SamplesTrained trained) {
        samples.append(trained.samples());
        return;
      }
      if (event instanceof JobEvent.BucketsTuned tuned) {
        RunFile.replace(directory.resolve(SPEC), tuned.buckets().resolvedSpec());
      }
      if (event instanceof JobEvent.RankReady ready) {
        samples.started(ready.generation(), ready.ready());
      }
      if (origin.filter(this::isRecorded).isEmpty()) {
        if (event instanceof JobEvent.Progress progress) {
          line(metrics, generator -> EventJson.metrics(generator, progress, origin));
        } else {
          line(events, generator -> EventJson.event(generator, event, origin));
        }
        origin.ifPresent(this::note);
      }
      if (event instanceof JobEvent.StateChanged changed && changed.state() == JobState.QUEUED) {
        close(); // It may wait for days, with thousands of others.
      }
      if (event instanceof JobEvent.Ended ended) {
        unrecorded().ifPresent(why -> LOG.error("samples of the last steps are lost: {}", why));
        RunFile.replace(
            directory.resolve(RESULT),
            toJson(true, generator -> EventJson.result(generator, ended.result())) + "\n");
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write to " + directory + ": " + describe(e), e);
    }
  }

  /**
   * Why something of what steps were trained on is not on disk, though it was told; empty where all
   * of it is. Tries again to write it.
   */
  public Optional<String> unrecorded() {
    try {
      samples.catchUp();
      return Optional.empty();
    } catch (IOException e) {
      return Optional.of("cannot write " + directory.resolve(SampleLog.FILE) + ": " + describe(e));
    }
  }

  /** Lets go of the files; what is written later opens them anew. */
  @Override
  public void close() {
    closeQuietly(metrics);
    closeQuietly(events);
    closeQuietly(samples);
  }

  private interface Content {
    void writeTo(JsonGenerator generator) throws IOException;
  }

  private void line(LineFile file, Content content) throws IOException {
    file.append(toJson(false, content));
  }

  private String toJson(boolean pretty, Content content) throws IOException {
    StringWriter text = new StringWriter();
    try (JsonGenerator generator = json.createGenerator(text)) {
      if (pretty) {
        generator.useDefaultPrettyPrinter();
      }
      content.writeTo(generator);
    }
    return text.toString();
  }

  /** Java's message is often the path alone. */
  private static String describe(IOException e) {
    return e.getClass().getSimpleName() + ": " + e.getMessage();
  }

  private static void closeQuietly(AutoCloseable file) {
    try {
      if (file != null) {
        file.close();
      }
    } catch (Exception e) {
      // Every line was flushed when it was written.
    }
  }
}
