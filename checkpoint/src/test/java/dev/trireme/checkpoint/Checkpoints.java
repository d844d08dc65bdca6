package dev.trireme.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.checkpoint.Checkpointer.Restored;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** What many tests do with checkpoints. */
final class Checkpoints {
  static final Duration DEADLINE = Duration.ofSeconds(30);

  private Checkpoints() {}

  static CheckpointerConfig config(Path directory, int rank, int worldSize) {
    return new CheckpointerConfig(directory, rank, worldSize, 3, DEADLINE);
  }

  static LocalCheckpointer single(Path directory) {
    return LocalCheckpointer.open(config(directory, 0, 1), new TestGate(1));
  }

  /** Saves as this many ranks and waits until it is committed. */
  static void save(Path directory, int worldSize, State state, long generation, long step) {
    TestGate gate = new TestGate(worldSize);
    List<LocalCheckpointer> ranks = new ArrayList<>();
    try {
      for (int rank = 0; rank < worldSize; rank++) {
        ranks.add(LocalCheckpointer.open(config(directory, rank, worldSize), gate));
      }
      ranks.forEach(rank -> rank.save(state.at(generation, step)));
      ranks.forEach(rank -> rank.drain(DEADLINE));
    } finally {
      ranks.forEach(LocalCheckpointer::close);
    }
    assertThat(gate.finished()).hasSize(1);
    assertThat(gate.finished().get(0).failure()).isEmpty();
  }

  /** Restores into {@code state}, in a directory of its own for what it writes. */
  static Optional<Restored> restore(Path source, State state) {
    try (LocalCheckpointer reader =
        single(source.toAbsolutePath().getParent().resolve("unused-by-reader"))) {
      return reader.restore(source.toString(), state.tensors());
    }
  }

  /** The names in a directory, sorted. */
  static List<String> names(Path directory) {
    try (Stream<Path> entries = Files.list(directory)) {
      return entries.map(path -> path.getFileName().toString()).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
