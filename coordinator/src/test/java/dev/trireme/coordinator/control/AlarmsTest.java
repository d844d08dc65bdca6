package dev.trireme.coordinator.control;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.coordinator.life.FakeTime;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class AlarmsTest {
  private final FakeTime time = new FakeTime();
  private final Alarms alarms = new Alarms(time);

  @Test
  void shouldKnowTheNextAndWhoseTimeHasCome() {
    assertThat(alarms.next()).isEmpty();
    alarms.set(7, Optional.of(Duration.ofSeconds(5)));
    alarms.set(3, Optional.of(Duration.ofSeconds(2)));
    alarms.set(9, Optional.of(Duration.ofSeconds(2)));

    assertThat(alarms.next()).contains(Duration.ofSeconds(2));
    assertThat(alarms.due()).isEmpty();
    time.pass(Duration.ofSeconds(3));
    assertThat(alarms.next()).contains(Duration.ZERO);
    assertThat(alarms.due()).containsExactlyInAnyOrder(3L, 9L);
  }

  @Test
  void shouldForgetWhatWasSetBefore() {
    alarms.set(7, Optional.of(Duration.ofSeconds(1)));
    alarms.set(7, Optional.of(Duration.ofSeconds(8)));
    alarms.set(8, Optional.of(Duration.ofSeconds(1)));
    alarms.set(8, Optional.empty());
    time.pass(Duration.ofSeconds(2));

    assertThat(alarms.due()).isEmpty();
    assertThat(alarms.next()).contains(Duration.ofSeconds(6));
  }
}
