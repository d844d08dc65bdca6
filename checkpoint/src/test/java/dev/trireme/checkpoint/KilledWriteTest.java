package dev.trireme.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import dev.trireme.checkpoint.storage.WriteBoundary;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A process that is killed with SIGKILL at each boundary of its write, as its storage says. */
@Tag("long")
class KilledWriteTest {
  @TempDir Path directory;

  private static Process save(Path checkpoints, WriteBoundary boundary) throws Exception {
    Process process =
        new ProcessBuilder(
                List.of(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "-cp",
                    System.getProperty("java.class.path"),
                    Writer.class.getName(),
                    checkpoints.toString(),
                    boundary.name()))
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    assertThat(process.waitFor(Checkpoints.DEADLINE.toSeconds(), TimeUnit.SECONDS)).isTrue();
    return process;
  }

  /** Saves step 200 in a process of its own that is killed before this boundary. */
  static final class Writer {
    private Writer() {}

    public static void main(String[] arguments) {
      WriteBoundary last = WriteBoundary.valueOf(arguments[1]);
      WriteProbe killing =
          at -> {
            if (at == last) {
              new ProcessBuilder("kill", "-KILL", "" + ProcessHandle.current().pid())
                  .start()
                  .onExit()
                  .join();
            }
          };
      try (State state = State.random(2);
          LocalCheckpointer checkpointer =
              LocalCheckpointer.open(
                  Checkpoints.config(Path.of(arguments[0]), 0, 1), new TestGate(1), killing)) {
        checkpointer.save(state.at(2, 200));
        checkpointer.drain(Checkpoints.DEADLINE);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(WriteBoundary.class)
  void shouldFindTheNewestWholeOneAfterAKillAtEachBoundary(WriteBoundary boundary)
      throws Exception {
    Path checkpoints = directory.resolve("checkpoints");
    boolean visible = boundary.compareTo(WriteBoundary.PUBLISH) > 0;
    try (State first = State.random(1);
        State second = State.random(2);
        State read = State.zeros()) {
      Checkpoints.save(checkpoints, 1, first, 1, 100);

      assertThat(save(checkpoints, boundary).exitValue()).isEqualTo(137);

      try (LogCapture log = new LogCapture()) {
        Checkpoints.restore(checkpoints, read);
        assertThat(log.messages(Level.WARN)).as("an unfinished one is none").isEmpty();
      }
      assertThat(read.hash()).isEqualTo(visible ? second.hash() : first.hash());
      Checkpoints.save(checkpoints, 1, second, 3, 300);
      assertThat(Checkpoints.names(checkpoints)).allMatch(name -> name.startsWith("step-"));
    }
  }
}
