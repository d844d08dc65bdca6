package dev.trireme.coordinator.rundir;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.SampleRange;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Map;
import java.util.NavigableMap;
import java.util.OptionalLong;
import java.util.Queue;
import java.util.TreeMap;

/**
 * The record of what was trained on, {@code samples.jsonl}, in the order in which it was learned:
 *
 * <ul>
 *   <li>{@code {"generation":2,"step":40,"epoch":1,"position":512,"restoredFrom":"..."}}: a
 *       generation begins with the state after that step; whatever was recorded of later steps is
 *       no part of the model (any more);
 *   <li>{@code {"generation":2,"firstStep":41,"lastStep":47,"epoch":1,"position":512,"batch":128,
 *       "samples":896,"items":60000}}: a {@link SampleRange} of a training set of so many items.
 * </ul>
 *
 * <p>Each line is on disk when {@link #append} returns. A range is written once, however often it
 * is told. What could not be written, for the disk was full, is written ahead of what is told next,
 * or with {@link #catchUp}.
 *
 * <p>Threading: one thread. Blocks as long as the disk does.
 */
final class SampleLog implements AutoCloseable {
  static final String FILE = "samples.jsonl";

  /** Generations that something may still be told of: all before were told with each recovery. */
  private static final int MOST_GENERATIONS = 64;

  /** Of what could not be written yet; a second of training tells of one range or two. */
  private static final int MOST_PENDING = 10_000;

  private final JsonFactory json = new JsonFactory();
  private final Path path;
  private final LineFile file;
  private long startedGeneration = Long.MIN_VALUE;
  private boolean read;
  private boolean lost;

  /** Oldest first. */
  private final Queue<Told> pending = new ArrayDeque<>();

  /** The last step that is written of each of the newest generations. */
  private final NavigableMap<Long, Long> written = new TreeMap<>();

  /** What is to become a line, unless it is one already. */
  private sealed interface Told {}

  private record Start(long generation, RankReport.Ready ready) implements Told {}

  private record Trained(SampleRange range, long items) implements Told {}

  /**
   * @param file appended to, made with the first line
   */
  SampleLog(Path file) {
    this(file, FileChannel::write);
  }

  /** As {@link #SampleLog(Path)}, and writes in this way. */
  SampleLog(Path file, LineFile.Writing writing) {
    this.path = file;
    this.file = LineFile.forced(file, writing);
  }

  /** A rank of a generation is ready; the first one tells where it begins. */
  void started(long generation, RankReport.Ready ready) throws IOException {
    keep(new Start(generation, ready));
    writePending();
  }

  /**
   * Writes what is new of these ranges. What a survivor tells of the generation before may come
   * after the first word of the next one, for they come from two processes.
   */
  void append(RankReport.Samples samples) throws IOException {
    samples.ranges().forEach(range -> keep(new Trained(range, samples.items())));
    writePending();
  }

  /**
   * Writes what could not be written before.
   *
   * @throws IOException when something that was told is still not on disk
   */
  void catchUp() throws IOException {
    writePending();
    if (lost) {
      throw new IOException(
          "more than " + MOST_PENDING + " lines could not be written, and the rest is lost");
    }
  }

  private void keep(Told told) {
    if (pending.size() < MOST_PENDING) {
      pending.add(told);
    } else {
      lost = true;
    }
  }

  private void writePending() throws IOException {
    while (!pending.isEmpty()) {
      try {
        readOnce();
        write(pending.element());
      } catch (IOException e) {
        // Whether the line is there now only the file tells.
        read = false;
        throw e;
      }
      pending.remove();
    }
  }

  private void write(Told told) throws IOException {
    if (told instanceof Start start && start.generation() != startedGeneration) {
      start(start.generation(), start.ready());
      startedGeneration = start.generation();
    } else if (told instanceof Trained trained) {
      write(trained.range(), trained.items());
    }
  }

  private void write(SampleRange told, long items) throws IOException {
    boolean forgotten =
        written.size() == MOST_GENERATIONS && told.generation() < written.firstKey();
    long step = forgotten ? Long.MAX_VALUE : written.getOrDefault(told.generation(), 0L);
    if (told.lastStep() > step) {
      range(told.firstStep() <= step ? told.startingAt(step + 1) : told, items);
      wrote(told.generation(), told.lastStep());
    }
  }

  private void wrote(long generation, long lastStep) {
    written.merge(generation, lastStep, Math::max);
    if (written.size() > MOST_GENERATIONS) {
      written.pollFirstEntry();
    }
  }

  /** What another coordinator has written counts as told. */
  private void readOnce() throws IOException {
    if (read) {
      return;
    }
    for (Map<String, String> line : Tail.read(path)) {
      OptionalLong itsGeneration = number(line, "generation");
      OptionalLong lastStep = number(line, "lastStep");
      if (itsGeneration.isPresent() && lastStep.isPresent()) {
        wrote(itsGeneration.getAsLong(), lastStep.getAsLong());
      } else if (itsGeneration.isPresent() && line.containsKey("restoredFrom")) {
        startedGeneration = itsGeneration.getAsLong();
      }
    }
    read = true;
  }

  /** The file is its user's, who may have written anything into it: what is no number is none. */
  private static OptionalLong number(Map<String, String> line, String name) {
    String text = line.getOrDefault(name, "");
    return text.matches("[0-9]{1,18}")
        ? OptionalLong.of(Long.parseLong(text))
        : OptionalLong.empty();
  }

  private void start(long generation, RankReport.Ready ready) throws IOException {
    line(
        g -> {
          g.writeNumberField("generation", generation);
          g.writeNumberField("step", ready.progress().step());
          g.writeNumberField("epoch", ready.progress().cursor().epoch());
          g.writeNumberField("position", ready.progress().cursor().position());
          g.writeStringField("restoredFrom", ready.restoredFrom());
        });
  }

  private void range(SampleRange range, long items) throws IOException {
    line(
        g -> {
          g.writeNumberField("generation", range.generation());
          g.writeNumberField("firstStep", range.firstStep());
          g.writeNumberField("lastStep", range.lastStep());
          g.writeNumberField("epoch", range.from().epoch());
          g.writeNumberField("position", range.from().position());
          g.writeNumberField("batch", range.batch());
          g.writeNumberField("samples", range.samples());
          g.writeNumberField("items", items);
        });
  }

  private interface Fields {
    void writeTo(JsonGenerator generator) throws IOException;
  }

  private void line(Fields fields) throws IOException {
    StringWriter text = new StringWriter();
    try (JsonGenerator g = json.createGenerator(text)) {
      g.writeStartObject();
      fields.writeTo(g);
      g.writeEndObject();
    }
    file.append(text.toString());
  }

  /** Closes the file until the next line. */
  @Override
  public void close() throws IOException {
    file.close();
  }
}
