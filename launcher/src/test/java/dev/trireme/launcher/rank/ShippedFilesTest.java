package dev.trireme.launcher.rank;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.engine.EngineException;
import dev.trireme.api.job.JobSpec;
import dev.trireme.launcher.config.JobReader;
import dev.trireme.launcher.control.Busy;
import dev.trireme.launcher.control.Sha256;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ShippedFilesTest {
  private static final int FILES = 100;

  @TempDir Path directory;

  private static JobSpec job(Path model) {
    return JobReader.read(
            "job",
            """
            name: small
            model: {torchscript: '%s'}
            data: {train: {format: strokes, items: 100, seed: 1}, batchSize: 10}
            train: {epochs: 1, loss: cross-entropy, optimizer: {sgd: {lr: 0.1}}}
            """
                .formatted(model),
            List.of())
        .spec();
  }

  private Path ship(String text) throws IOException {
    Path file = Files.writeString(directory.resolve("model.pt"), text);
    Path place = directory.resolve("runs/.files").resolve(Sha256.of(file)).resolve("model.pt");
    Files.createDirectories(place.getParent());
    return Files.move(file, place);
  }

  @Test
  void shouldTakeACopyThatStaysWhatItWas() throws IOException {
    Path shipped = ship("a model");
    ShippedFiles files = new ShippedFiles(directory.resolve("cache"));
    Path copy = Path.of(files.local(job(shipped)).model().torchscript().orElseThrow());
    assertThat(copy).startsWith(directory.resolve("cache")).hasContent("a model");
    Files.delete(shipped);
    assertThat(files.local(job(shipped)).model().torchscript()).contains(copy.toString());
  }

  @Test
  void shouldRefuseAFileThatIsNotWhatWasShipped() throws IOException {
    Path shipped = ship("a model");
    Files.writeString(shipped, "another");
    ShippedFiles files = new ShippedFiles(directory.resolve("cache"));
    assertThatThrownBy(() -> files.local(job(shipped)))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("model.torchscript")
        .hasMessageContaining("expected the SHA-256");
    assertThat(directory.resolve("cache"))
        .isDirectoryRecursivelyContaining("glob:**")
        .satisfies(
            d -> {
              try (var left = Files.walk(d)) {
                assertThat(left.filter(Files::isRegularFile)).isEmpty();
              }
            });
  }

  /** Ranks of a host start together, and share the cache. */
  @Test
  void shouldTakeCopiesWhileAnotherRankTakesSome() throws Exception {
    Path cache = directory.resolve("cache");
    ShippedFiles files = new ShippedFiles(cache);
    Busy.meanwhile(
        cache.resolve("f".repeat(64)),
        () -> {
          for (int i = 0; i < FILES; i++) {
            JobSpec local = files.local(job(ship("model " + i)));
            assertThat(Path.of(local.model().torchscript().orElseThrow()))
                .startsWith(cache)
                .hasContent("model " + i);
          }
        });
  }

  @Test
  void shouldLeaveOtherPathsAlone() {
    JobSpec job = job(directory.resolve("model.pt"));
    assertThat(new ShippedFiles(directory.resolve("cache")).local(job)).isSameAs(job);
  }
}
