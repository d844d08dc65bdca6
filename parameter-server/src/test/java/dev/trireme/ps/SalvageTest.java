package dev.trireme.ps;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.ps.StateMark.Part;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SalvageTest {
  @ParameterizedTest
  @CsvSource({"VALUES, false, 0", "ALL, false, 0", "ALL, true, 2"})
  void shouldDoWithTheWholeStateOfAStep(Part held, boolean tables, int slots) {
    assertThat(Salvage.lacking(held, tables, slots)).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "NONE, false, 0, push again",
    "NONE, true, 2, push again",
    "VALUES, true, 0, rows of the tables",
    "VALUES, false, 2, optimizer's state"
  })
  void shouldSayWhatIsLacking(Part held, boolean tables, int slots, String what) {
    assertThat(Salvage.lacking(held, tables, slots))
        .hasValueSatisfying(reason -> assertThat(reason).contains(what));
  }
}
