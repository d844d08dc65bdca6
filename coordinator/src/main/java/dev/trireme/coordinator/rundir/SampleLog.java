package dev.trireme.coordinator.rundir;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.SampleRange;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.NavigableMap;
import java.util.OptionalLong;
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
 * is told.
 *
 * <p>Threading: one thread. Blocks as long as the disk does.
 */
final class SampleLog implements AutoCloseable {
  static final String FILE = "samples.jsonl";

  /** Generations that something may still be told of: all before were told with each recovery. */
  private static final int MOST_GENERATIONS = 64;

  private final JsonFactory json = new JsonFactory();
  private final Path file;
  private FileChannel channel;
  private long startedGeneration = Long.MIN_VALUE;
  private boolean read;

  /** The last step that is written of each of the newest generations. */
  private final NavigableMap<Long, Long> written = new TreeMap<>();

  /**
   * @param file appended to, made with the first line
   */
  SampleLog(Path file) {
    this.file = file;
  }

  /** A rank of a generation is ready; the first one tells where it begins. */
  void started(long generation, RankReport.Ready ready) throws IOException {
    readOnce();
    if (generation == startedGeneration) {
      return;
    }
    startedGeneration = generation;
    line(
        g -> {
          g.writeNumberField("generation", generation);
          g.writeNumberField("step", ready.progress().step());
          g.writeNumberField("epoch", ready.progress().cursor().epoch());
          g.writeNumberField("position", ready.progress().cursor().position());
          g.writeStringField("restoredFrom", ready.restoredFrom());
        });
  }

  /**
   * Writes what is new of these ranges. What a survivor tells of the generation before may come
   * after the first word of the next one, for they come from two processes.
   */
  void append(RankReport.Samples samples) throws IOException {
    readOnce();
    for (SampleRange told : samples.ranges()) {
      boolean forgotten =
          written.size() == MOST_GENERATIONS && told.generation() < written.firstKey();
      long step = forgotten ? Long.MAX_VALUE : written.getOrDefault(told.generation(), 0L);
      if (told.lastStep() > step) {
        range(told.firstStep() <= step ? told.startingAt(step + 1) : told, samples.items());
        wrote(told.generation(), told.lastStep());
      }
    }
  }

  private void wrote(long generation, long lastStep) {
    written.merge(generation, lastStep, Math::max);
    if (written.size() > MOST_GENERATIONS) {
      written.pollFirstEntry();
    }
  }

  /** What another coordinator has written counts as told; what is no line of ours, as nothing. */
  private void readOnce() throws IOException {
    if (read) {
      return;
    }
    read = true;
    for (Map<String, String> line : Tail.read(file)) {
      OptionalLong itsGeneration = number(line, "generation");
      OptionalLong lastStep = number(line, "lastStep");
      if (itsGeneration.isPresent() && lastStep.isPresent()) {
        wrote(itsGeneration.getAsLong(), lastStep.getAsLong());
      } else if (itsGeneration.isPresent() && line.containsKey("restoredFrom")) {
        startedGeneration = itsGeneration.getAsLong();
      }
    }
  }

  private static OptionalLong number(Map<String, String> line, String field) {
    String text = line.getOrDefault(field, "");
    return text.matches("[0-9]{1,18}")
        ? OptionalLong.of(Long.parseLong(text))
        : OptionalLong.empty();
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
    if (channel == null) {
      RunFile.check(file);
      channel =
          FileChannel.open(
              file,
              StandardOpenOption.CREATE,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE,
              LinkOption.NOFOLLOW_LINKS);
      channel.position(endOfLastLine());
      channel.truncate(channel.position());
    }
    ByteBuffer bytes = ByteBuffer.wrap((text + "\n").getBytes(StandardCharsets.UTF_8));
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
    channel.force(false);
  }

  /**
   * What a machine that stopped has left of a last line goes: nobody was told that it was there.
   */
  private long endOfLastLine() throws IOException {
    long end = channel.size();
    ByteBuffer one = ByteBuffer.allocate(1);
    while (end > 0) {
      one.clear();
      channel.read(one, end - 1);
      if (one.get(0) == '\n') {
        return end;
      }
      end--;
    }
    return 0;
  }

  @Override
  public void close() throws IOException {
    if (channel != null) {
      channel.close();
      channel = null;
    }
  }
}
