package dev.trireme.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A cut quickstart still learns with each compression, and fewer bytes are sent. */
@Tag("long")
class CompressedTrainingTest {
  @TempDir Path directory;

  @ParameterizedTest
  @CsvSource({"float16,0.5", "bfloat16,0.5", "powersgd,0.1", "'{topk: 0.1}',0.21"})
  void shouldLearnFromFewerBytes(String compression, double mostOfTheBytes) throws Exception {
    try (TriremeRun run =
        TriremeRun.train(
            directory,
            TriremeRun.home().resolve("configs/quickstart.yaml").toString(),
            "--set",
            "data.train.items=6000",
            "--set",
            "data.eval.items=1000",
            "--set",
            "train.epochs=1",
            "--set",
            "parallel.compression=" + compression)) {
      JsonNode result = run.succeeded();
      // One in ten is right by chance.
      assertThat(result.path("metrics").path("accuracy").asDouble()).isGreaterThan(0.5);
      assertThat(result.path("wireBytes").asLong()).isPositive();
      assertThat(result.path("wireRatio").asDouble()).isPositive();
      assertThat(result.path("wireRatio").asDouble()).isLessThanOrEqualTo(mostOfTheBytes);
      assertThat(run.lines("metrics.jsonl"))
          .allSatisfy(
              line -> assertThat(line.path("wireRatio")).isEqualTo(result.path("wireRatio")));
    }
  }
}
