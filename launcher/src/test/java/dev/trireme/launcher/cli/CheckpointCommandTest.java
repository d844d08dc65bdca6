package dev.trireme.launcher.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.trireme.api.checkpoint.CheckpointContent;
import dev.trireme.api.checkpoint.CheckpointGate;
import dev.trireme.api.data.Cursor;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.Shape;
import dev.trireme.api.train.Progress;
import dev.trireme.checkpoint.CheckpointerConfig;
import dev.trireme.checkpoint.LocalCheckpointer;
import dev.trireme.checkpoint.WeightsFile;
import dev.trireme.launcher.cli.checkpoint.CheckpointCommand;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointCommandTest {
  @TempDir Path directory;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  private static final class Granting implements CheckpointGate {
    @Override
    public void shardWritten(long generation, long step) {}

    @Override
    public boolean awaitGrant(long generation, long step, Duration deadline) {
      return true;
    }

    @Override
    public void finished(
        long generation, long step, Duration stall, Duration write, long bytes, String failure) {}
  }

  @BeforeEach
  void saveTwo() {
    try (NativeMemory.Block block = NativeMemory.allocate(24, 64);
        LocalCheckpointer checkpointer =
            LocalCheckpointer.open(
                new CheckpointerConfig(directory, 0, 1, 3, Duration.ofSeconds(30)),
                new Granting())) {
      NamedTensor weight =
          new NamedTensor("model.0.weight", Shape.of(2, 3), block.buffer(DType.FLOAT32, 6));
      for (long step : List.of(100L, 200L)) {
        Progress progress = new Progress(step, new Cursor(1, 64));
        checkpointer.save(new CheckpointContent(1, progress, 7, "name: x", List.of(weight)));
        checkpointer.drain(Duration.ofSeconds(30));
      }
    }
  }

  private int run(String... arguments) {
    out.reset();
    err.reset();
    Console console =
        new Console(
            new PrintStream(out, true, StandardCharsets.UTF_8),
            new PrintStream(err, true, StandardCharsets.UTF_8),
            false,
            80);
    return CheckpointCommand.withCommands(console).execute(arguments);
  }

  private String printed() {
    return out.toString(StandardCharsets.UTF_8);
  }

  private void flipLastByte(String checkpoint) throws IOException {
    Path shard = directory.resolve(checkpoint).resolve("rank-00000.safetensors");
    byte[] bytes = Files.readAllBytes(shard);
    bytes[bytes.length - 1] ^= 1;
    Files.write(shard, bytes);
  }

  @Test
  void shouldListWhatIsThereAndSayWhatIsDamaged() throws IOException {
    Files.delete(directory.resolve("step-00000200").resolve("manifest.json"));
    assertThat(run("list", directory.toString())).isZero();
    assertThat(printed().lines())
        .anySatisfy(l -> assertThat(l).matches("step-00000100 +100 +1 .* 1 +\\d+  whole"))
        .anySatisfy(
            l -> assertThat(l).contains("step-00000200").endsWith("manifest.json is missing"));
    assertThat(run("list", directory.toString(), "--json")).isZero();
    assertThat(new ObjectMapper().readTree(printed()).get(0).get("step").asLong()).isEqualTo(100);
  }

  @Test
  void shouldShowTheNewest() throws IOException {
    assertThat(run("show", directory.toString())).isZero();
    assertThat(printed()).contains("step-00000200").containsPattern("model.0.weight +F32 +2x3 +24");
    assertThat(run("show", directory.resolve("step-00000100").toString(), "--json")).isZero();
    assertThat(new ObjectMapper().readTree(printed()).get("spec").asText()).isEqualTo("name: x");
  }

  @Test
  void shouldVerifyAndNameTheDamage() throws IOException {
    assertThat(run("verify", directory.toString())).isZero();
    flipLastByte("step-00000200");
    assertThat(run("verify", directory.toString())).isEqualTo(ExitCode.FAILED);
    assertThat(printed().lines())
        .anySatisfy(l -> assertThat(l).startsWith("step-00000100").endsWith("whole"))
        .anySatisfy(
            l -> assertThat(l).contains("rank-00000.safetensors: 'model.0.weight' hashes to"));
    assertThat(run("verify", directory.resolve("none").toString())).isEqualTo(ExitCode.USAGE);
    assertThat(err.toString(StandardCharsets.UTF_8)).contains("there is nothing at");
  }

  @Test
  void shouldExportOnceAndNothingThatIsDamaged() throws IOException {
    Path file = directory.resolve("model.safetensors");
    assertThat(run("export", directory.toString(), "--to", file.toString())).isZero();
    assertThat(WeightsFile.tensors(file))
        .singleElement()
        .satisfies(spec -> assertThat(spec.name()).isEqualTo("0.weight"));
    assertThat(run("export", directory.toString(), "--to", file.toString()))
        .isEqualTo(ExitCode.USAGE);
    Files.delete(file);
    flipLastByte("step-00000200");
    assertThat(run("export", directory.toString(), "--to", file.toString()))
        .isEqualTo(ExitCode.FAILED);
    assertThat(file).doesNotExist();
  }

  @Test
  void shouldSayWhereTheCheckpointsOfARunAre() throws IOException {
    Path run = Files.createDirectory(directory.resolve("run"));
    Path checkpoints = Files.createDirectory(run.resolve("checkpoints"));
    for (String command : List.of("list", "show", "verify")) {
      assertThat(run(command, run.toString())).as(command).isEqualTo(2);
      assertThat(err.toString(StandardCharsets.UTF_8))
          .contains("checkpoint in " + run + "; did you mean '" + checkpoints + "'?");
      assertThat(printed()).isEmpty();
    }
  }

  @Test
  void shouldSayWhereAnExportCannotGo() {
    Path file = directory.resolve("no/dir/m.safetensors");
    assertThat(run("export", directory.toString(), "--to", file.toString())).isEqualTo(2);
    assertThat(err.toString(StandardCharsets.UTF_8).strip())
        .isEqualTo(
            "trireme: cannot write "
                + file
                + ": there is no directory "
                + file.getParent()
                + "; make it, or choose another place");
  }
}
