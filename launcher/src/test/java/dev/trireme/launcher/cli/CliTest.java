package dev.trireme.launcher.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.trireme.launcher.cluster.Services;
import dev.trireme.launcher.config.Capabilities;
import dev.trireme.launcher.config.DataInspector;
import dev.trireme.launcher.config.JobSchema;
import dev.trireme.launcher.config.JobValidation;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CliTest {
  private static final String JOB =
      """
      name: strokes
      model: {layers: [flatten, linear: 10]}
      data:
        train: {format: strokes, items: 100}
        eval: {format: strokes, items: 50, seed: 2}
        batchSize: 30
      train: {epochs: 2, loss: cross-entropy, optimizer: {sgd: {lr: 0.1}}}
      """;

  @TempDir Path directory;

  private String job() throws Exception {
    return Files.writeString(directory.resolve("job.yaml"), JOB).toString();
  }

  @Test
  void shouldHandAValidJobToTheRunner() throws Exception {
    CliRun run = CliRun.of("train", job(), "--set", "train.seed=3");
    assertThat(run.code()).isEqualTo(ExitCode.DONE);
    assertThat(run.trained()).hasSize(1);
    assertThat(run.trained().get(0).resolved().spec().train().seed()).isEqualTo(3);
  }

  @Test
  void shouldRefuseChaosThatCannotBeMeantAndThatNobodyRuns() {
    String here = directory.toString();
    assertThat(CliRun.of("chaos", here).code()).isEqualTo(ExitCode.USAGE);
    assertThat(CliRun.of("chaos", here).err()).contains("is no directory of a run");
    CliRun flood = CliRun.of("chaos", here, "--kind", "flood");
    assertThat(flood.code()).isEqualTo(ExitCode.USAGE);
    assertThat(flood.err())
        .contains("expected kill, freeze, slow, fill-disk, drop-link or any, found 'flood'");
    assertThat(CliRun.of("chaos", here, "--stop", "1", "--fill-disk").code())
        .isEqualTo(ExitCode.USAGE);
    assertThat(CliRun.of("chaos", here, "--stop", "1", "--rank", "2").err())
        .contains("named twice");
    assertThat(CliRun.of("chaos", here, "--for", "10m").err()).contains("--for needs --every");
    assertThat(CliRun.of("chaos", here, "--every", "soon").err()).contains("--every: expected a");
  }

  @Test
  void shouldShowWhatAJobWouldDo() throws Exception {
    CliRun run = CliRun.of("validate", job());
    assertThat(run.code()).isZero();
    assertThat(run.err()).isEmpty();
    assertThat(run.trained()).isEmpty();
    assertThat(run.out().lines())
        .contains(
            "#  layer    output   parameters",
            "   input    1x28x28",
            "0  flatten  784",
            "1  linear   10            7,850",
            "training data    100 items of 1x28x28, 10 classes",
            "steps            8 of batch 30, 4 an epoch",
            "valid")
        .noneMatch(line -> line.endsWith(" "));
  }

  @Test
  void shouldDescribeAValidJobToPrograms() throws Exception {
    CliRun run = CliRun.of("validate", job(), "--json");
    JsonNode json = new ObjectMapper().readTree(run.out());
    assertThat(json.path("job").asText()).isEqualTo("strokes");
    assertThat(json.path("totalSteps").asLong()).isEqualTo(8);
    assertThat(json.path("parameters").asLong()).isEqualTo(7850);
    assertThat(json.path("layers")).hasSize(2);
    assertThat(json.path("evaluation").path("items").asLong()).isEqualTo(50);
  }

  @Test
  void shouldListProblemsToPrograms() throws Exception {
    CliRun run = CliRun.of("validate", job(), "--json", "--set", "train.sed=1", "--set", "name=[]");
    assertThat(run.code()).isEqualTo(ExitCode.USAGE);
    assertThat(run.err()).isEmpty();
    JsonNode json = new ObjectMapper().readTree(run.out());
    assertThat(json).hasSize(2);
    assertThat(json.get(0).path("override").asText()).isEqualTo("train.sed=1");
    assertThat(json.get(0).path("key").asText()).isEqualTo("train.sed");
    assertThat(json.get(0).path("nearest").asText()).isEqualTo("seed");
    assertThat(json.get(0).path("message").asText()).startsWith("unknown key");
  }

  @Test
  void shouldGivePlacesInFilesToPrograms() throws Exception {
    Path file = Files.writeString(directory.resolve("bad.yaml"), JOB.replace("epochs", "epoch"));
    JsonNode json =
        new ObjectMapper().readTree(CliRun.of("validate", file.toString(), "--json").out());
    assertThat(json.get(0).path("file").asText()).isEqualTo(file.toString());
    assertThat(json.get(0).path("line").asInt()).isEqualTo(7);
    assertThat(json.get(0).path("column").asInt()).isEqualTo(9);
  }

  @Test
  void shouldWarnOnStandardErrorAndGoOn() throws Exception {
    CliRun run = CliRun.of("train", job(), "--set", "data.batchSize=200");
    assertThat(run.err()).startsWith("warning: data.batchSize: ");
    assertThat(run.trained()).hasSize(1);
  }

  @Test
  void shouldPrintTheSchema() {
    assertThat(CliRun.of("schema").out()).isEqualTo(JobSchema.text());
  }

  @Test
  void shouldHelpOnStandardOutput() {
    for (String[] command :
        new String[][] {
          {"--help"},
          {"train", "--help"},
          {"validate", "-h"},
          {"schema", "-h"},
          {"bench", "-h"},
          {"bench", "allreduce", "--help"}
        }) {
      CliRun run = CliRun.of(command);
      assertThat(run.code()).isZero();
      assertThat(run.err()).isEmpty();
      assertThat(run.out()).contains("Usage: trireme", "Example");
    }
  }

  @Test
  void shouldNameItsVersion() {
    assertThat(CliRun.of("--version").out()).matches("(?s)trireme \\d+\\.\\d+.*Java .*");
  }

  @Test
  void shouldAskForACommand() {
    CliRun run = CliRun.of();
    assertThat(run.code()).isEqualTo(ExitCode.USAGE);
    assertThat(run.err())
        .contains("expected a command (commands: train, validate, schema, doctor, job");
  }

  @Test
  void shouldShowTheTraceOfABugAndOfNothingElse() throws Exception {
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    PrintStream stream = new PrintStream(err, true, StandardCharsets.UTF_8);
    DataInspector broken =
        spec -> {
          throw new IllegalStateException("cannot be");
        };
    Cli cli =
        new Cli(
            new Console(stream, stream, false, 80),
            new JobValidation(Capabilities.ofThisVersion(), broken, 1),
            () -> {
              throw new AssertionError("nothing is to be run");
            },
            FakeBench::new,
            Services::new,
            () -> (options, parsed, to) -> ExitCode.DONE);
    assertThat(cli.run("train", job())).isEqualTo(ExitCode.FAILED);
    assertThat(err.toString(StandardCharsets.UTF_8))
        .contains("this is a bug", "cannot be", "\tat ");
  }

  @Test
  void shouldPrintACompletionOfAllCommands() {
    CliRun run = CliRun.of("completion");
    assertThat(run.code()).isZero();
    assertThat(run.out()).contains("complete -F", "launch", "--run-dir", "scale");
  }

  @Test
  void shouldRefuseALaunchThatCannotBe() throws Exception {
    assertThat(CliRun.of("launch", "--hosts", "a:1", "--port", "70000", job()).code())
        .isEqualTo(ExitCode.USAGE);
    assertThat(CliRun.of("launch", job()).err()).contains("--hosts");
  }
}
