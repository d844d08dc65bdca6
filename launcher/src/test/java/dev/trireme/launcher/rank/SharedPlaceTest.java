package dev.trireme.launcher.rank;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.checkpoint.CheckpointException;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.Work;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SharedPlaceTest {
  @TempDir Path directory;

  /** What two ranks have in common. */
  private final CyclicBarrier meeting = new CyclicBarrier(2);

  private final AtomicLong sent = new AtomicLong();

  @Test
  void shouldLetRanksPassThatSeeOneDirectoryAndLeaveNothingThere() throws Exception {
    Path place = directory.resolve("run/checkpoints");
    CompletableFuture<Void> other = rank(1, place, "b");
    SharedPlace.require(group(0), place, "a");
    other.get(30, TimeUnit.SECONDS);

    try (var left = Files.list(place)) {
      assertThat(left).isEmpty();
    }
  }

  @Test
  void shouldRefuseTheHostThatSeesAnotherDirectoryOfThatName() throws Exception {
    Path shared = directory.resolve("shared");
    Path own = Files.createDirectories(directory.resolve("own"));
    CompletableFuture<Void> other = rank(1, own, "b");
    SharedPlace.require(group(0), shared, "a");

    assertThatThrownBy(() -> other.get(30, TimeUnit.SECONDS))
        .cause()
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("checkpoints lie in " + own)
        .hasMessageContaining("on host b what rank 0 has written there is not seen")
        .hasMessageContaining("name a directory that all hosts of the job share");
  }

  @Test
  void shouldBlameTheHostOfRankZeroWhereItCannotWrite() throws Exception {
    Path file = Files.createFile(directory.resolve("file"));
    CompletableFuture<Void> other = rank(1, file.resolve("checkpoints"), "b");

    assertThatThrownBy(() -> SharedPlace.require(group(0), file.resolve("checkpoints"), "a"))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("on host a cannot write to it");
    other.get(30, TimeUnit.SECONDS);
  }

  private CompletableFuture<Void> rank(int rank, Path place, String host) {
    return CompletableFuture.runAsync(() -> SharedPlace.require(group(rank), place, host));
  }

  /** Of two ranks on two threads; knows the two collectives that are needed. */
  private ProcessGroup group(int rank) {
    return (ProcessGroup)
        Proxy.newProxyInstance(
            getClass().getClassLoader(),
            new Class<?>[] {ProcessGroup.class},
            (self, method, arguments) -> {
              switch (method.getName()) {
                case "rank":
                  return rank;
                case "broadcast":
                  broadcast(rank, (TensorBuffer) arguments[0], (int) arguments[1]);
                  return Work.completed();
                case "barrier":
                  meeting.await(30, TimeUnit.SECONDS);
                  return Work.completed();
                case "confirm":
                  return null;
                default:
                  throw new UnsupportedOperationException(method.getName());
              }
            });
  }

  private void broadcast(int rank, TensorBuffer buffer, int root) throws Exception {
    var bytes =
        NativeMemory.view(buffer.address(), Long.BYTES).order(java.nio.ByteOrder.nativeOrder());
    if (rank == root) {
      sent.set(bytes.getLong(0));
    }
    meeting.await(30, TimeUnit.SECONDS);
    bytes.putLong(0, sent.get());
  }
}
