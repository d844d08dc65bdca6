package dev.trireme.ps;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.job.ConsistencySpec;
import org.junit.jupiter.api.Test;

class SalvageTest {
  private static final ConsistencySpec BSP = new ConsistencySpec.Bsp(0);

  @Test
  void shouldDoWithTheStateOfAStep() {
    assertThat(Salvage.lacking(BSP, false, 0)).isEmpty();
  }

  @Test
  void shouldSayWhatIsLacking() {
    assertThat(Salvage.lacking(BSP, true, 0))
        .hasValueSatisfying(s -> assertThat(s).contains("rows of the tables"));
    assertThat(Salvage.lacking(BSP, false, 2))
        .hasValueSatisfying(s -> assertThat(s).contains("optimizer's state"));
    for (ConsistencySpec each :
        new ConsistencySpec[] {
          new ConsistencySpec.Asp(), new ConsistencySpec.Ssp(0), new ConsistencySpec.Bsp(1)
        }) {
      assertThat(Salvage.lacking(each, false, 0))
          .hasValueSatisfying(s -> assertThat(s).contains("push again"));
    }
  }
}
