package dev.trireme.allreduce.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.api.io.TempDir;

class BenchDirectoryTest {
  @TempDir Path memory;
  @TempDir Path elsewhere;

  private Path abandoned(String name) throws Exception {
    Path directory = Files.createDirectory(memory.resolve(name));
    Files.createFile(directory.resolve("lock"));
    return directory;
  }

  @Test
  void shouldFollowNoLinkOutOfWhatItSweeps() throws Exception {
    Path precious = Files.writeString(elsewhere.resolve("precious"), "data");
    Path dead = abandoned("trireme-bench-1");
    Files.writeString(Files.createDirectory(dead.resolve("aeron")).resolve("log"), "log");
    Files.createSymbolicLink(dead.resolve("link"), elsewhere);
    BenchDirectory.create(memory, 0).close();
    assertThat(dead).doesNotExist();
    assertThat(precious).hasContent("data");
  }

  @Test
  void shouldNotSweepWhatIsReachedOverALink() throws Exception {
    Path target = Files.createDirectory(elsewhere.resolve("target"));
    Path lock = Files.createFile(target.resolve("lock"));
    Path precious = Files.writeString(target.resolve("precious"), "data");
    Path linked = Files.createSymbolicLink(memory.resolve("trireme-bench-1"), target);
    Path dead = Files.createDirectory(memory.resolve("trireme-bench-2"));
    Files.createSymbolicLink(dead.resolve("lock"), lock);
    BenchDirectory.create(memory, 0).close();
    assertThat(linked).exists();
    assertThat(precious).hasContent("data");
    assertThat(dead).exists();
  }

  /** Only root can give away what it has made. */
  @Test
  void shouldNotSweepWhatIsAnotherUsers() throws Exception {
    assumeThat(System.getProperty("user.name")).isEqualTo("root");
    Path others = abandoned("trireme-bench-1");
    Files.setOwner(
        others,
        others.getFileSystem().getUserPrincipalLookupService().lookupPrincipalByName("nobody"));
    BenchDirectory.create(memory, 0).close();
    assertThat(others).exists();
  }

  @Test
  @Timeout(value = 60, threadMode = ThreadMode.SEPARATE_THREAD)
  void shouldNotWaitForWhoReadsAPipeInThePlaceOfALock() throws Exception {
    Path dead = Files.createDirectory(memory.resolve("trireme-bench-1"));
    Path lock = dead.resolve("lock");
    assertThat(new ProcessBuilder("mkfifo", lock.toString()).start().waitFor()).isZero();
    BenchDirectory.create(memory, 0).close();
    assertThat(lock).exists();
  }

  @Test
  void shouldFollowNoLinkOutOfItsOwnWhenItCloses() throws Exception {
    Path precious = Files.writeString(elsewhere.resolve("precious"), "data");
    try (BenchDirectory directory = BenchDirectory.create(memory, 0)) {
      Files.createSymbolicLink(directory.path().resolve("link"), elsewhere);
    }
    assertThat(memory).isEmptyDirectory();
    assertThat(precious).hasContent("data");
  }

  /** Whoever closes a channel to a file drops all of its process's locks on it. */
  @Test
  void shouldStayLockedForOtherProcessesWhileAnotherOfThisOneIsMade() throws Exception {
    try (BenchDirectory first = BenchDirectory.create(memory, 0);
        BenchDirectory second = BenchDirectory.create(memory, 0)) {
      assertThat(second.path()).exists();
      Process other =
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "-cp",
                  System.getProperty("java.class.path"),
                  TakesLock.class.getName(),
                  first.path().resolve("lock").toString())
              .inheritIO()
              .start();
      assertThat(other.waitFor(60, TimeUnit.SECONDS)).isTrue();
      assertThat(other.exitValue()).isEqualTo(TakesLock.REFUSED);
    }
  }

  /** Another process: whether it gets the lock. */
  static final class TakesLock {
    static final int REFUSED = 17;

    private TakesLock() {}

    public static void main(String[] args) throws Exception {
      try (FileChannel channel = FileChannel.open(Path.of(args[0]), StandardOpenOption.WRITE)) {
        System.exit(channel.tryLock() == null ? REFUSED : 0);
      }
    }
  }
}
