package dev.trireme.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A cut quickstart still learns with each compression, and fewer bytes are reduced. */
class CompressedTrainingTest {
  private static final Pattern BYTES =
      Pattern.compile(
          "compression: (\\d+) bytes of gradients are reduced a step in place of (\\d+)");

  @TempDir Path directory;

  @ParameterizedTest
  @CsvSource({"float16,0.5", "bfloat16,0.5", "powersgd,0.1", "'{topk: 0.1}',0.41"})
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
      Matcher bytes =
          BYTES.matcher(Files.readString(run.runDirectory().resolve("logs/rank-0.log")));
      assertThat(bytes.find()).isTrue();
      double ratio = Double.parseDouble(bytes.group(1)) / Double.parseDouble(bytes.group(2));
      assertThat(ratio).isLessThanOrEqualTo(mostOfTheBytes);
    }
  }
}
