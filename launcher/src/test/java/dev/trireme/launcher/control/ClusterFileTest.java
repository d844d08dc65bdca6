package dev.trireme.launcher.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ClusterFileTest {
  private static final String TOKEN = "0123456789abcdef".repeat(4);
  private static final String HERE = HostName.ofThisHost();

  @TempDir Path runDirectory;

  @Test
  void shouldFindTheProcessThatWroteIt() throws Exception {
    ClusterFile own = ClusterFile.ofThisProcess("127.0.0.1:4000", TOKEN, "job-1");
    own.write(runDirectory);
    assertThat(ClusterFile.read(runDirectory)).contains(own);
  }

  @Test
  void shouldNotTrustTheFileOfAProcessThatIsGone() throws Exception {
    new ClusterFile("127.0.0.1:1", TOKEN, HERE, HostName.boot(), 4_000_000_000L, 1, "job-1")
        .write(runDirectory);
    assertThat(ClusterFile.read(runDirectory)).isEmpty();
  }

  @Test
  void shouldNotTakeAnotherProcessOfTheSamePidForTheRuns() throws Exception {
    ClusterFile own = ClusterFile.ofThisProcess("127.0.0.1:1", TOKEN, "job-1");
    long earlier = own.started() - 60_000;
    new ClusterFile("127.0.0.1:1", TOKEN, HERE, HostName.boot(), own.pid(), earlier, "job-1")
        .write(runDirectory);
    assertThat(ClusterFile.read(runDirectory)).isEmpty();
  }

  /** Its pids say nothing of that host's. */
  @Test
  void shouldNotCallARunOfAnotherHostDead() throws Exception {
    ClusterFile own = ClusterFile.ofThisProcess("127.0.0.1:1", TOKEN, "job-1");
    for (long pid : new long[] {own.pid(), 4_000_000_000L}) {
      new ClusterFile("127.0.0.1:1", TOKEN, "elsewhere", "0-1", pid, own.started(), "job-1")
          .write(runDirectory);
      assertThatThrownBy(() -> ControlClient.of(runDirectory))
          .isInstanceOf(ControlClient.UnreachableException.class)
          .hasMessageContaining("the run was begun on host 'elsewhere', this is '" + HERE)
          .hasMessageContaining(
              "where no trireme runs in this directory any more, delete the file");
    }
  }

  /** A container that was started anew has another name, and another that runs has other pids. */
  @Test
  void shouldKnowAnotherContainerOfThisHostByItsKernel() throws Exception {
    new ClusterFile("127.0.0.1:1", TOKEN, "pod-1", HostName.boot(), 4_000_000_000L, 1, "job-1")
        .write(runDirectory);
    assertThat(ClusterFile.read(runDirectory)).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "{",
        "[1, 2]",
        "7",
        "{'address': 'a b:99', 'token': 'TOKEN', 'host': 'HOST', 'pid': 1, 'started': 1, 'job': 'job-1'}",
        "{'address': '127.0.0.1:99999', 'token': 'TOKEN', 'host': 'HOST', 'pid': 1, 'started': 1, 'job': 'job-1'}",
        "{'address': '10.0.0.1:99', 'token': 'TOKEN', 'host': 'HOST', 'pid': 1, 'started': 1, 'job': 'job-1'}",
        "{'address': '127.0.0.1:99', 'token': 'TOKEN\\n', 'host': 'HOST', 'pid': 1, 'started': 1, 'job': 'job-1'}",
        "{'address': '127.0.0.1:99', 'token': 'TOKEN', 'host': 'HOST', 'pid': -1, 'started': 1, 'job': 'job-1'}",
        "{'address': '127.0.0.1:99', 'token': 'TOKEN', 'host': 'HOST', 'pid': 1e99, 'started': 1, 'job': 'job-1'}",
        "{'address': '127.0.0.1:99', 'token': 'TOKEN', 'host': 'HOST', 'pid': 1, 'job': 'job-1'}",
        "{'address': '127.0.0.1:99', 'token': 'TOKEN', 'pid': 1, 'started': 1, 'job': 'job-1'}",
        "{'address': '127.0.0.1:99', 'token': 'TOKEN', 'host': 'HOST', 'pid': 1, 'started': 1, 'job': '\\u001b[2J'}",
      })
  void shouldSayWhatIsWrongAndKeepTheTokenToItself(String text) throws Exception {
    Path file = runDirectory.resolve("cluster.json");
    Files.writeString(file, text.replace('\'', '"').replace("TOKEN", TOKEN).replace("HOST", HERE));
    assertThatThrownBy(() -> ControlClient.of(runDirectory))
        .isInstanceOf(ControlClient.UnreachableException.class)
        .hasMessageStartingWith(file + ": expected ")
        .hasMessageEndingWith("./trireme job resume " + runDirectory)
        .message()
        .doesNotContain(TOKEN, "Unexpected", "\n");
  }

  @Test
  void shouldNotWaitForAPipe() throws Exception {
    Path file = runDirectory.resolve("cluster.json");
    assertThat(new ProcessBuilder("mkfifo", file.toString()).start().waitFor()).isZero();
    assertThatThrownBy(() -> ClusterFile.read(runDirectory))
        .hasMessageContaining("expected a file");
  }
}
