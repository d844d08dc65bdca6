package dev.trireme.systemtests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.sshd.server.SshServer;
import org.apache.sshd.server.keyprovider.SimpleGeneratorHostKeyProvider;
import org.apache.sshd.server.shell.ProcessShellFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code trireme launch} over the system's ssh client, to ssh servers in this process. */
@Tag("long")
class LaunchTest {
  private static final String TINY =
      TriremeRun.home().resolve("system-tests/src/test/resources/jobs/tiny.yaml").toString();

  @TempDir Path directory;
  private final List<SshServer> hosts = new ArrayList<>();
  private Path home;

  @BeforeEach
  void serve() throws Exception {
    assumeTrue(
        new ProcessBuilder("sh", "-c", "command -v ssh && command -v ssh-keygen").start().waitFor()
            == 0,
        "SKIPPED: no ssh client on this machine");
    StringBuilder config = new StringBuilder();
    Path key = directory.resolve("key");
    String[] make = {"ssh-keygen", "-q", "-t", "rsa", "-N", "", "-f", key.toString()};
    assertThat(new ProcessBuilder(make).inheritIO().start().waitFor()).isZero();
    for (String name : List.of("first", "second")) {
      SshServer host = host();
      config.append(
          """
          Host %s
            HostName 127.0.0.1
            Port %d
            IdentityFile %s
            IdentitiesOnly yes
            StrictHostKeyChecking no
            UserKnownHostsFile %s
          """
              .formatted(name, host.getPort(), key, directory.resolve("known-" + name)));
    }
    Files.writeString(directory.resolve("ssh_config"), config);
    home = Files.createDirectory(directory.resolve("home"));
    Path trireme = home.resolve("trireme");
    Files.writeString(
        trireme,
        "#!/bin/sh\nTRIREME_BUILD=never\nexport TRIREME_BUILD\nexec %s/trireme \"$@\"\n"
            .formatted(TriremeRun.home()));
    Files.setPosixFilePermissions(trireme, PosixFilePermissions.fromString("rwx------"));
  }

  private SshServer host() throws IOException {
    SshServer host = SshServer.setUpDefaultServer();
    host.setHost("127.0.0.1");
    host.setPort(0);
    SimpleGeneratorHostKeyProvider keys = new SimpleGeneratorHostKeyProvider();
    keys.setAlgorithm("RSA");
    host.setKeyPairProvider(keys);
    host.setPublickeyAuthenticator((user, key, session) -> true);
    host.setCommandFactory(
        (channel, command) ->
            new ProcessShellFactory(command, "/bin/sh", "-c", command).createShell(channel));
    host.start();
    hosts.add(host);
    return host;
  }

  @AfterEach
  void stop() throws IOException {
    for (SshServer host : hosts) {
      host.stop(true);
    }
  }

  private TriremeRun launch(String hosts, String... more) throws IOException {
    List<String> arguments =
        new ArrayList<>(
            List.of("launch", "--hosts", hosts, "--home", home.toString(), "--run-dir", "run"));
    arguments.addAll(
        List.of("--ssh", "ssh -o BatchMode=yes -F " + directory.resolve("ssh_config")));
    arguments.add(TINY);
    arguments.addAll(List.of(more));
    return TriremeRun.start(directory, arguments.toArray(String[]::new));
  }

  @Test
  void shouldRunAJobAndLeaveNothing() throws Exception {
    long before = credentials();
    try (TriremeRun run = launch("first:2,second:2")) {
      assertThat(run.succeeded().path("worldSize").asInt()).isEqualTo(2);
      assertThat(run.stderr()).contains("starting agents on 2 hosts");
    }
    awaitNoAgent();
    assertThat(credentials()).isEqualTo(before);
  }

  @Test
  void shouldEndTheAgentsWhenItIsKilled() throws Exception {
    try (TriremeRun run = launch("first:2", "--set", "train.steps=1000000")) {
      run.awaitStep(5);
      run.process().destroyForcibly();
      assertThat(run.process().waitFor(30, TimeUnit.SECONDS)).isTrue();
      awaitNoAgent();
    }
  }

  @Test
  void shouldSayWhichHostCannotBeReached() throws Exception {
    hosts.get(1).stop(true);
    try (TriremeRun run = launch("first:2,second:2")) {
      assertThat(run.exitCode()).isEqualTo(1);
      assertThat(run.stderr()).contains("second: ssh failed").contains("refused");
    }
    awaitNoAgent();
  }

  private static long credentials() throws IOException {
    try (Stream<Path> files = Files.list(Path.of(System.getProperty("java.io.tmpdir")))) {
      return files.filter(f -> f.getFileName().toString().startsWith("trireme-launch")).count();
    }
  }

  /** The servers are in this process, so all that they started is below it. */
  private static void awaitNoAgent() throws Exception {
    List<ProcessHandle> agents =
        ProcessHandle.current()
            .descendants()
            .filter(
                p -> p.info().commandLine().filter(c -> c.contains(" agent --join ")).isPresent())
            .toList();
    TriremeRun.awaitGone(agents, Duration.ofSeconds(40));
  }
}
