package dev.trireme.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The quickstart in bf16: it learns, and a resumed run ends with the bits of one never stopped. */
class MixedPrecisionTest {
  private static final String QUICKSTART =
      TriremeRun.home().resolve("configs/quickstart.yaml").toString();

  @TempDir Path directory;

  @Test
  void shouldLearnInBf16AndResumeWithTheSameBits() throws Exception {
    Path checkpoint = directory.resolve("whole/run/checkpoints/step-00000020");
    String hash;
    try (TriremeRun run = train("whole", "checkpoint.everySteps=20")) {
      JsonNode result = run.succeeded();
      // Float32 reaches 0.61 in as many steps.
      assertThat(result.path("metrics").path("accuracy").asDouble()).isGreaterThan(0.45);
      hash = result.path("stateHash").asText();
    }
    try (TriremeRun run = train("resumed", "checkpoint.resumeFrom=" + checkpoint)) {
      JsonNode result = run.succeeded();
      assertThat(run.lines("metrics.jsonl").get(0).path("step").asLong()).isEqualTo(21);
      assertThat(result.path("stateHash").asText()).isEqualTo(hash);
    }
  }

  private TriremeRun train(String name, String setting) throws Exception {
    List<String> settings = new ArrayList<>();
    for (String each :
        List.of(
            "train.precision=bf16",
            "data.train.items=6000",
            "data.eval.items=1000",
            "train.epochs=1",
            setting)) {
      settings.addAll(List.of("--set", each));
    }
    return TriremeRun.train(directory.resolve(name), QUICKSTART, settings.toArray(String[]::new));
  }
}
