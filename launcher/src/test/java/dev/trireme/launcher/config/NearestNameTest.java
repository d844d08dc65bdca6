package dev.trireme.launcher.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.AlphaChars;
import net.jqwik.api.constraints.StringLength;
import org.junit.jupiter.api.Test;

class NearestNameTest {
  private static final List<String> NAMES =
      List.of("epochs", "steps", "loss", "optimizer", "cross-entropy", "batchSize", "lr");

  @Test
  void shouldFindTheNameThatWasMeant() {
    assertThat(NearestName.of("epcohs", NAMES)).contains("epochs");
    assertThat(NearestName.of("epoch", NAMES)).contains("epochs");
    assertThat(NearestName.of("optimiser", NAMES)).contains("optimizer");
    assertThat(NearestName.of("CROSS_ENTROPY", NAMES)).contains("cross-entropy");
    assertThat(NearestName.of("batch_size", NAMES)).contains("batchSize");
    assertThat(NearestName.of("rl", NAMES)).contains("lr");
  }

  @Test
  void shouldFindNothingWhereNothingIsNear() {
    assertThat(NearestName.of("momentum", NAMES)).isEmpty();
    assertThat(NearestName.of("", NAMES)).isEmpty();
    assertThat(NearestName.of("x".repeat(1000), NAMES)).isEmpty();
  }

  @Property(tries = 200)
  void slipsAreASymmetricDistance(
      @ForAll @AlphaChars @StringLength(max = 8) String a,
      @ForAll @AlphaChars @StringLength(max = 8) String b) {
    int slips = NearestName.slips(a, b);
    assertThat(slips).isEqualTo(NearestName.slips(b, a));
    assertThat(slips == 0).isEqualTo(a.equals(b));
    assertThat(slips)
        .isBetween(Math.abs(a.length() - b.length()), Math.max(a.length(), b.length()));
  }
}
