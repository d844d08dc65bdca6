package dev.trireme.coordinator.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.data.Cursor;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.JobEvent;
import dev.trireme.coordinator.JobListener;
import dev.trireme.coordinator.JobService;
import dev.trireme.protocol.JobState;
import dev.trireme.protocol.RankReport;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class JobHubTest {
  private final JobHub hub = new JobHub("job-1");
  private final BlockingQueue<JobEvent> heard = new LinkedBlockingQueue<>();

  @Test
  void shouldTellThoseWhoComeLateWhatHappenedBefore() throws Exception {
    hub.publish(state("one"));
    hub.publish(progress(1));
    hub.publish(progress(2));
    hub.publish(state("two"));
    hub.watch(heard::add);
    hub.publish(state("three"));

    assertThat(List.of(next(), next(), next(), next()))
        .containsExactly(state("one"), progress(2), state("two"), state("three"));
  }

  @Test
  void shouldTellAListenerThatNothingMoreWillCome() throws Exception {
    CountDownLatch lost = new CountDownLatch(1);
    CountDownLatch unwantedLost = new CountDownLatch(1);
    hub.watch(losing(unwantedLost)).close();
    hub.watch(losing(lost));
    hub.publish(state("one"));
    hub.close();
    await(lost);
    assertThat(next()).isEqualTo(state("one"));
    assertThat(unwantedLost.getCount()).isEqualTo(1);
  }

  private JobListener losing(CountDownLatch lost) {
    return new JobListener() {
      @Override
      public void on(JobEvent event) {
        heard.add(event);
      }

      @Override
      public void lost() {
        lost.countDown();
      }
    };
  }

  @Test
  void shouldNotWaitForASlowListenerAndLeaveOutProgressForIt() throws Exception {
    CountDownLatch stuck = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    hub.watch(
        event -> {
          stuck.countDown();
          await(go);
          heard.add(event);
        });
    hub.publish(state("first"));
    await(stuck);
    for (int i = 0; i < 5000; i++) {
      hub.publish(progress(i));
    }
    hub.publish(state("last"));
    go.countDown();

    List<JobEvent> all = new ArrayList<>();
    for (JobEvent event = next(); !event.equals(state("last")); event = next()) {
      all.add(event);
    }
    assertThat(all).startsWith(state("first")).hasSizeLessThan(2000).endsWith(progress(4999));
  }

  @Test
  void shouldDropAListenerThatLagsTooFar() throws Exception {
    CountDownLatch stuck = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    hub.watch(
        event -> {
          stuck.countDown();
          await(go);
        });
    hub.watch(heard::add);
    hub.publish(state("0"));
    await(stuck);
    for (int i = 1; i <= 2000; i++) {
      hub.publish(state("" + i));
      assertThat(next()).isNotNull();
    }
    go.countDown();

    assertThat(next()).isEqualTo(state("2000"));
  }

  @Test
  void shouldGoOnAfterAListenerThrows() throws Exception {
    hub.watch(
        event -> {
          heard.add(event);
          throw new IllegalStateException("on purpose");
        });
    hub.publish(state("one"));
    hub.publish(state("two"));

    assertThat(List.of(next(), next())).containsExactly(state("one"), state("two"));
  }

  @Test
  void shouldStopTellingAfterClose() throws Exception {
    JobService.Subscription closed = hub.watch(event -> heard.add(event));
    hub.publish(state("one"));
    assertThat(next()).isEqualTo(state("one"));
    closed.close();
    hub.publish(state("two"));
    hub.watch(heard::add);

    assertThat(List.of(next(), next())).containsExactly(state("one"), state("two"));
  }

  @Test
  void shouldRefuseTooManyListeners() {
    List<JobService.Subscription> open = new ArrayList<>();
    for (int i = 0; i < 64; i++) {
      open.add(hub.watch(e -> {}));
    }

    assertThatThrownBy(() -> hub.watch(e -> {}))
        .isInstanceOf(CoordinatorException.class)
        .hasMessageContaining("64 listeners");
    open.get(3).close();
    open.add(hub.watch(e -> {}));
    open.forEach(JobService.Subscription::close);
  }

  private JobEvent next() throws InterruptedException {
    return heard.poll(30, TimeUnit.SECONDS);
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(30, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private static JobEvent state(String reason) {
    return new JobEvent.StateChanged("job-1", Instant.EPOCH, JobState.QUEUED, reason);
  }

  private static JobEvent progress(long step) {
    return new JobEvent.Progress(
        "job-1",
        Instant.EPOCH,
        1,
        new RankReport.Committed(step, Cursor.START, 1, 1, 1, 1, 0, 0, 0),
        1,
        1,
        1,
        0,
        0);
  }
}
