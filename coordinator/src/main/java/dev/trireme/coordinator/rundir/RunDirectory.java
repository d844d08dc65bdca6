package dev.trireme.coordinator.rundir;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.JobEvent;
import dev.trireme.protocol.JobState;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

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
 * <p>Times are ISO 8601 in UTC; numbers that are none (NaN, infinite) are null. Lines are flushed
 * one by one, and appended to what an earlier run of the same directory has left.
 *
 * <p>Threading: one thread. Writes to files; blocks as long as those do.
 */
public final class RunDirectory implements AutoCloseable {
  static final String SPEC = "job.yaml";
  static final String METRICS = "metrics.jsonl";
  static final String EVENTS = "events.jsonl";
  static final String RESULT = "result.json";

  private final JsonFactory json = new JsonFactory();
  private final Path directory;
  private final LineFile metrics;
  private final LineFile events;
  private final SampleLog samples;

  private RunDirectory(Path directory, LineFile metrics, LineFile events) {
    this.directory = directory;
    this.metrics = metrics;
    this.events = events;
    this.samples = new SampleLog(directory.resolve(SampleLog.FILE));
  }

  /**
   * Makes the directory where it is absent, writes the job spec into it, and takes an earlier run's
   * result away.
   *
   * @param resolvedSpec as YAML
   * @throws CoordinatorException when it cannot be written
   */
  public static RunDirectory open(Path directory, String resolvedSpec) {
    LineFile metrics = null;
    try {
      Files.createDirectories(directory);
      Files.deleteIfExists(directory.resolve(RESULT));
      replace(directory.resolve(SPEC), resolvedSpec);
      metrics = new LineFile(directory.resolve(METRICS));
      return new RunDirectory(directory, metrics, new LineFile(directory.resolve(EVENTS)));
    } catch (IOException e) {
      closeQuietly(metrics);
      throw new CoordinatorException(
          "cannot write the run directory " + directory + ": " + describe(e) + "; choose another",
          e);
    }
  }

  /**
   * Writes what an event says.
   *
   * @throws UncheckedIOException when the file cannot be written
   */
  public void write(JobEvent event) {
    try {
      if (event instanceof JobEvent.SamplesTrained trained) {
        samples.append(trained.samples());
        return;
      }
      if (event instanceof JobEvent.BucketsTuned tuned) {
        replace(directory.resolve(SPEC), tuned.buckets().resolvedSpec());
      }
      if (event instanceof JobEvent.RankReady ready) {
        samples.started(ready.generation(), ready.ready());
      }
      if (event instanceof JobEvent.Progress progress) {
        line(metrics, generator -> EventJson.metrics(generator, progress));
      } else {
        line(events, generator -> EventJson.event(generator, event));
      }
      if (event instanceof JobEvent.StateChanged changed && changed.state() == JobState.QUEUED) {
        close(); // It may wait for days, with thousands of others.
      }
      if (event instanceof JobEvent.Ended ended) {
        replace(
            directory.resolve(RESULT),
            toJson(true, generator -> EventJson.result(generator, ended.result())) + "\n");
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write to " + directory + ": " + describe(e), e);
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

  /** Puts a file in place as a whole: who sees it sees all of it, also after a power cut. */
  private static void replace(Path file, String content) throws IOException {
    Path temporary = file.resolveSibling("." + file.getFileName() + ".tmp");
    Files.writeString(temporary, content);
    try (FileChannel channel = FileChannel.open(temporary, StandardOpenOption.WRITE)) {
      channel.force(true);
    }
    Files.move(
        temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
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
