package dev.trireme.launcher.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.launcher.control.HostName;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the commands for a run say when nobody is there to ask. */
class RunCommandsTest {
  /** Of a process that is gone. */
  private static final String CLUSTER =
      """
      {"address": "127.0.0.1:9", "token": "%s", "host": "%s", "pid": 4000000000, "started": 1,
       "job": "job-1"}
      """
          .formatted("0123456789abcdef".repeat(4), HostName.ofThisHost());

  @TempDir Path directory;
  private Path run;

  @BeforeEach
  void leaveARun() throws Exception {
    run = Files.createDirectory(directory.resolve("run"));
    Files.writeString(run.resolve("job.yaml"), "name: x\n");
  }

  private static void assertSays(CliRun ran, int code, String... words) {
    assertThat(ran.err()).contains(words).doesNotContain("Exception", "bug");
    assertThat(ran.code()).isEqualTo(code);
  }

  @Test
  void shouldSayHowARunGoesOnWhoseProcessWasKilled() throws Exception {
    Files.writeString(run.resolve("cluster.json"), CLUSTER);
    Files.writeString(run.resolve("metrics.jsonl"), "{\"step\":7}\n{\"step\":41}\n{\"st");
    String[] words = {"is gone, at step 41", "./trireme job resume " + run};
    assertSays(CliRun.of("job", "show", run.toString()), ExitCode.UNREACHABLE, words);
    assertSays(CliRun.of("job", "cancel", run.toString()), ExitCode.UNREACHABLE, words);
    assertSays(
        CliRun.of("job", "scale", run.toString(), "--workers", "2"), ExitCode.UNREACHABLE, words);
  }

  @Test
  void shouldSayThatARunHasEnded() throws Exception {
    Files.writeString(
        run.resolve("result.json"),
        "{\"state\":\"SUCCEEDED\",\"samplesPerSecond\":6721.99980145287,\"metrics\":{\"loss\":0.5}}");
    String ended = "the run in " + run + " has ended: SUCCEEDED";
    assertSays(CliRun.of("job", "cancel", run.toString()), ExitCode.USAGE, ended);
    assertSays(CliRun.of("job", "scale", run.toString(), "--workers", "2"), ExitCode.USAGE, ended);
    CliRun shown = CliRun.of("job", "show", run.toString());
    assertThat(shown.code()).isZero();
    assertThat(shown.out().lines())
        .containsExactly(
            "state             SUCCEEDED", "samplesPerSecond  6722", "metrics.loss      0.5");
  }

  @Test
  void shouldPrintTheLogOfARank() throws Exception {
    Files.createDirectory(run.resolve("logs"));
    Files.writeString(run.resolve("logs/rank-1.log"), "one\ntwo\n");
    for (String[] more : new String[][] {{}, {"--follow"}}) {
      CliRun printed =
          CliRun.of(
              Stream.concat(
                      Stream.of("job", "logs", run.toString(), "--rank", "1"), Stream.of(more))
                  .toArray(String[]::new));
      assertThat(printed.out().lines()).containsExactly("one", "two");
      assertThat(printed.code()).isZero();
    }
    assertSays(
        CliRun.of("job", "logs", run.toString()),
        ExitCode.USAGE,
        "found no file " + run.resolve("logs/rank-0.log"));
  }

  @Test
  void shouldNotTakeAnythingForAResult() throws Exception {
    for (String text : new String[] {"[1,2]", "{", "", "{\"state\": 7}"}) {
      Files.writeString(run.resolve("result.json"), text);
      CliRun shown = CliRun.of("job", "show", run.toString());
      assertSays(shown, ExitCode.FAILED, run.resolve("result.json") + ": expected a JSON object");
      assertThat(shown.out()).isEmpty();
    }
  }

  @Test
  void shouldSayWhereThereIsNoRun() {
    Path none = directory.resolve("none");
    assertSays(CliRun.of("job", "show", none.toString()), ExitCode.USAGE, "found none at '" + none);
    assertSays(
        CliRun.of("job", "cancel", directory.toString()),
        ExitCode.USAGE,
        "'" + directory + "' is no directory of a run");
  }

  @Test
  void shouldFailAnAuditOfNothing() throws Exception {
    Files.createFile(run.resolve("samples.jsonl"));
    CliRun audit = CliRun.of("job", "audit", run.toString());
    assertThat(audit.out()).contains("tells of no step");
    assertThat(audit.code()).isEqualTo(ExitCode.FAILED);
  }
}
