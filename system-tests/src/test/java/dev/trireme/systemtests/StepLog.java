package dev.trireme.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;

/** What ranks have said themselves about the steps that they committed, see SteppingProgram. */
final class StepLog {
  /** A line of it. */
  record Line(String file, long generation, long step, long millis, long pid) {}

  private final List<Line> lines = new ArrayList<>();

  /** Reads what all ranks of a run have said. */
  StepLog(Path runDirectory) throws IOException {
    try (Stream<Path> logs = Files.list(runDirectory.resolve("logs"))) {
      for (Path log : logs.sorted().toList()) {
        for (String line :
            new String(Files.readAllBytes(log), StandardCharsets.UTF_8).split("\n")) {
          int at = line.indexOf(SteppingProgram.MARK);
          String[] words =
              at < 0
                  ? new String[0]
                  : line.substring(at + SteppingProgram.MARK.length()).split(" ");
          if (words.length == 4) {
            lines.add(
                new Line(
                    log.getFileName().toString(),
                    Long.parseLong(words[0]),
                    Long.parseLong(words[1]),
                    Long.parseLong(words[2]),
                    Long.parseLong(words[3].strip())));
          }
        }
      }
    }
  }

  List<Line> lines() {
    return lines;
  }

  long newestStep() {
    return lines.stream().mapToLong(Line::step).max().orElse(0);
  }

  /** How many steps were committed between two times. */
  long stepsBetween(long from, long to) {
    return lines.stream()
        .filter(l -> l.millis() >= from && l.millis() <= to)
        .map(Line::step)
        .distinct()
        .count();
  }

  /** The longest time that a rank took from one step to the next. */
  long longestPause(long from) {
    TreeMap<String, Long> last = new TreeMap<>();
    long longest = 0;
    for (Line line : lines) {
      Long before = last.put(line.file(), line.millis());
      if (before != null && before >= from) {
        longest = Math.max(longest, line.millis() - before);
      }
    }
    return longest;
  }

  /** Each generation goes on from where those before were, leaves out no step and repeats none. */
  void assertWhole() {
    for (String file : new TreeSet<>(lines.stream().map(Line::file).toList())) {
      TreeMap<Long, Long> next = new TreeMap<>();
      for (Line line : lines) {
        if (line.file().equals(file)) {
          Long expected = next.put(line.generation(), line.step() + 1);
          assertThat(line.step())
              .as("%s, generation %d", file, line.generation())
              .isEqualTo(expected == null ? line.step() : expected);
        }
      }
    }
  }

  /** Once a generation has committed a step, none before it commits one any more. */
  void assertOneFormationAtATime() {
    TreeMap<Long, Long> first = new TreeMap<>();
    TreeMap<Long, Long> last = new TreeMap<>();
    for (Line line : lines) {
      first.merge(line.generation(), line.millis(), Math::min);
      last.merge(line.generation(), line.millis(), Math::max);
    }
    first.forEach(
        (generation, begin) -> {
          if (last.lowerEntry(generation) != null) {
            assertThat(last.lowerEntry(generation).getValue())
                .as("generation %d commits beside %d", generation - 1, generation)
                .isLessThanOrEqualTo(begin);
          }
        });
  }

  /**
   * What a job is to be submitted with to say its steps, until {@link #enough}.
   *
   * @param directory for the program's jar, and for the word that it is enough
   */
  static List<String> settings(Path directory) throws IOException {
    return List.of(
        "train.steps=1000000",
        "checkpoint.everySteps=100",
        "data.path=" + directory,
        "program={class: %s, jar: %s}"
            .formatted(
                SteppingProgram.class.getName(),
                ClassJar.write(directory, "stepping.jar", SteppingProgram.class)));
  }

  /** Jobs with these settings are to end. */
  static void enough(Path directory) throws IOException {
    Files.createFile(directory.resolve(SteppingProgram.ENOUGH));
  }
}
