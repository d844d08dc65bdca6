package dev.trireme.allreduce.transport;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.allreduce.GroupConfig;
import dev.trireme.api.collective.CollectiveException;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Memory that one rank makes and another opens. */
class SharedMemoriesTest {
  @TempDir Path directory;

  private SharedMemories of(int rank) {
    return new SharedMemories(
        new GroupConfig(rank, 2, 1, directory, directory, 1, 2, 4711, Duration.ofSeconds(1)));
  }

  /** Its survivor must not name itself: it would be replaced with its state. */
  @Test
  void shouldBlameNobodyWhereAnotherRanksMemoryIsGone() {
    try (SharedMemories mine = of(0);
        SharedMemories dead = of(1);
        SharedMemories another = of(0)) {
      dead.create(0, 4096);
      another.deleteOf(1);
      assertThatThrownBy(() -> mine.open(1, 0, 4096))
          .isInstanceOfSatisfying(
              CollectiveException.class,
              e -> {
                assertThat(e.reason()).isEqualTo(CollectiveException.Cause.ABORTED);
                assertThat(e.suspectRank()).isEqualTo(-1);
              })
          .hasMessageContaining("the shared memory of rank 1 was gone before rank 0 had opened it");
    }
  }

  @Test
  void shouldRefuseAnothersMemoryThatIsNotTheOneExpected() {
    try (SharedMemories mine = of(0);
        SharedMemories other = of(1)) {
      other.create(0, 4096);
      assertThat(mine.open(1, 0, 4096)).isPositive();
      assertThatThrownBy(() -> mine.open(1, 0, 8192))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("is not the shared memory of 8192 bytes");
    }
  }
}
