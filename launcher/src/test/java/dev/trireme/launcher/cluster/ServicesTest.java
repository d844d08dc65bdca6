package dev.trireme.launcher.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.launcher.cli.Console;
import dev.trireme.launcher.cli.ExitCode;
import dev.trireme.launcher.cli.ServiceRunner.AgentOptions;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ServicesTest {
  /** Kept for documentation: no host has it. */
  private static final String NOWHERE = "192.0.2.1";

  @TempDir Path directory;

  @Test
  void shouldRefuseToBindAnAgentWhereItsHostIsNot() throws Exception {
    Path credentials = directory.resolve("credentials");
    CredentialsMaker.make(credentials);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    PrintStream stream = new PrintStream(out, true, StandardCharsets.UTF_8);
    AgentOptions options =
        new AgentOptions(
            List.of("127.0.0.1:1"),
            credentials,
            Optional.of("agent-a"),
            Optional.of(NOWHERE),
            OptionalInt.of(1),
            Optional.empty(),
            OptionalInt.empty(),
            OptionalLong.empty(),
            1);

    int code = new Services().agent(options, new Console(stream, stream, false, 100));

    String said = out.toString(StandardCharsets.UTF_8);
    assertThat(code).as(said).isEqualTo(ExitCode.USAGE);
    assertThat(said)
        .contains("expected an address of this host to listen on, found " + NOWHERE)
        .doesNotContain("\tat ");
  }
}
