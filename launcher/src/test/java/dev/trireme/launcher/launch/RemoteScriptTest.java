package dev.trireme.launcher.launch;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * The script as a host's shell would run it; in place of Trireme a script that says what it sees.
 */
@Timeout(60)
class RemoteScriptTest {
  @TempDir Path directory;
  private Path credentials;
  private Path home;

  @BeforeEach
  void lay() throws IOException {
    credentials = Files.createDirectory(directory.resolve("credentials"));
    for (String name : List.of("ca.pem", "node.pem", "node-key.pem", "api-token")) {
      Files.writeString(credentials.resolve(name), "-- " + name + " \\n of 'it' --\nmore\n");
    }
    home = Files.createDirectory(directory.resolve("it's home"));
  }

  private void install(String then) throws IOException {
    Path trireme = home.resolve("trireme");
    Files.writeString(
        trireme,
        "#!/bin/sh\necho \"arguments: $*\"\nls -ld \"$5\"\nls -l \"$5\"\ncat \"$5/node-key.pem\"\n"
            + "echo dir=$5\n"
            + then
            + "\n");
    Files.setPosixFilePermissions(trireme, PosixFilePermissions.fromString("rwx------"));
  }

  private Process start() throws IOException {
    String command = RemoteScript.command(home.toString(), "10.0.0.1:7400", "b", OptionalInt.of(3));
    Process process =
        new ProcessBuilder("/bin/sh", "-c", command)
            .redirectErrorStream(true)
            .redirectOutput(directory.resolve("out").toFile())
            .start();
    try {
      process
          .getOutputStream()
          .write(RemoteScript.credentials(credentials).getBytes(StandardCharsets.UTF_8));
      process.getOutputStream().flush();
    } catch (IOException e) {
      // It may be over already, having found no Trireme.
    }
    return process;
  }

  private String out() throws IOException {
    return Files.readString(directory.resolve("out"));
  }

  private static int end(Process process) throws InterruptedException {
    assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    return process.exitValue();
  }

  @Test
  void shouldRunTheAgentWithCredentialsThatNobodyElseCanRead() throws Exception {
    install("exit 7");
    assertThat(end(start())).isEqualTo(7);
    assertThat(out())
        .contains("arguments: agent --join 10.0.0.1:7400 --credentials ")
        .contains(" --name b --slots 3")
        .contains("-- node-key.pem \\n of 'it' --\nmore\n")
        .containsPattern("drwx------")
        .containsPattern("-rw------- .*node-key.pem");
    Path left =
        Path.of(out().lines().filter(l -> l.startsWith("dir=")).findFirst().get().substring(4));
    assertThat(left).doesNotExist();
  }

  @Test
  void shouldEndTheAgentWhenTheConnectionEnds() throws Exception {
    install("trap 'echo told; exit 0' TERM\necho up\nwhile :; do sleep 0.1; done");
    Process process = start();
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    while (!out().contains("up\n") && System.nanoTime() < deadline) {
      Thread.onSpinWait();
    }
    process.getOutputStream().close();
    assertThat(end(process)).isZero();
    assertThat(out()).contains("told");
  }

  @Test
  void shouldSayWhenThereIsNoTrireme() throws Exception {
    assertThat(end(start())).isEqualTo(RemoteScript.NOT_INSTALLED);
    assertThat(out()).contains("expected Trireme in " + home + ", found none");
  }
}
