package dev.trireme.launcher.cli.progress;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.train.WireBytes;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;

class ProgressTest {
  private static final RunPlan PLAN = new RunPlan(471, 3);

  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private long now;

  private ProgressDisplay display(boolean terminal) {
    PrintStream stream = new PrintStream(bytes, true, StandardCharsets.UTF_8);
    return new ProgressDisplay(stream, terminal, 100, () -> now);
  }

  private List<String> lines() {
    return bytes.toString(StandardCharsets.UTF_8).lines().toList();
  }

  private void passSeconds(int seconds) {
    now += TimeUnit.SECONDS.toNanos(seconds);
  }

  @Test
  void shouldShowEverythingWhereThereIsRoom() {
    String line = ProgressText.line(PLAN, new StepView(2, 157, 0.12345, 21345.6), 12, 99);
    assertThat(line)
        .isEqualTo(
            "step 157/471  epoch 2/3  loss 0.1235  21,346 samples/s  0:12 left"
                + "  [==========                    ]");
  }

  @Test
  void shouldDropTheLeastTellingPartsWhereThereIsNone() {
    StepView view = new StepView(2, 157, 0.12345, 21345.6);
    assertThat(ProgressText.line(PLAN, view, 12, 40))
        .isEqualTo("step 157/471  epoch 2/3  loss 0.1235");
    assertThat(ProgressText.line(PLAN, view, 12, 20)).isEqualTo("step 157/471");
    assertThat(ProgressText.line(PLAN, view, 12, 5)).isEqualTo("step ");
  }

  @Property(tries = 200)
  void aLineNeverPassesTheEdge(
      @ForAll @IntRange(min = 1, max = 200) int width,
      @ForAll @LongRange(min = 1, max = 471) long step,
      @ForAll @DoubleRange(min = 0, max = 1e9) double value) {
    String line = ProgressText.line(PLAN, new StepView(1, step, value, value), value, width);
    assertThat(line.length()).isBetween(1, width);
  }

  @Test
  void shouldSayADashForWhatIsNotKnown() {
    double none = Double.NaN;
    assertThat(ProgressText.line(PLAN, new StepView(1, 1, none, none), none, 66))
        .startsWith("step 1/471  epoch 1/3  loss -  - samples/s  - left");
    assertThat(ProgressText.epoch(new EpochRow(1, 0.5, none, none, 3.25)))
        .isEqualTo("    1      0.5000           -         -       3.3");
  }

  @Test
  void shouldRewriteTheLineOnATerminal() {
    try (ProgressDisplay display = display(true)) {
      display.started(PLAN);
      display.step(new StepView(1, 1, 2, 100));
      passSeconds(1);
      display.step(new StepView(1, 2, 1.5, 100));
      display.epoch(new EpochRow(1, 1.2, 1.1, 0.9, 10));
    }
    String text = bytes.toString(StandardCharsets.UTF_8);
    assertThat(text.split("\r\u001b\\[K"))
        .satisfiesExactly(
            first -> assertThat(first).isEmpty(),
            one -> assertThat(one).startsWith("step 1/471"),
            two -> assertThat(two).startsWith("step 2/471"),
            head ->
                assertThat(head).isEqualTo("epoch  train loss   eval loss  accuracy   seconds\n"),
            again -> assertThat(again).startsWith("step 2/471"),
            row ->
                assertThat(row).startsWith("    1      1.2000      1.1000    0.9000      10.0\n"),
            last -> assertThat(last).startsWith("step 2/471"));
    assertThat(text).endsWith("\r\u001b[K");
  }

  @Test
  void shouldWriteALineNowAndThenElsewhere() {
    try (ProgressDisplay display = display(false)) {
      display.started(PLAN);
      for (int step = 1; step <= 12; step++) {
        display.step(new StepView(1, step, 1, 100));
        passSeconds(1);
      }
      display.step(new StepView(3, 471, 1, 100));
    }
    assertThat(lines())
        .extracting(line -> line.substring(0, line.indexOf('/')))
        .containsExactly("step 1", "step 6", "step 11", "step 471");
    assertThat(bytes.toString(StandardCharsets.UTF_8)).doesNotContain("\r", "\u001b");
  }

  @Test
  void shouldReckonTheTimeLeftFromTheFirstStepOn() {
    try (ProgressDisplay display = display(false)) {
      display.started(new RunPlan(200, 1));
      passSeconds(7);
      display.step(new StepView(1, 101, 1, 100));
      passSeconds(10);
      display.step(new StepView(1, 151, 1, 100));
      display.started(new RunPlan(200, 1));
      passSeconds(10);
      display.step(new StepView(1, 151, 1, 100));
    }
    assertThat(lines()).hasSize(3);
    assertThat(lines().get(0)).endsWith("- left");
    assertThat(lines().get(1)).endsWith("0:10 left");
    assertThat(lines().get(2)).endsWith("- left");
  }

  @Test
  void shouldShowNothingBeforeTheStart() {
    try (ProgressDisplay display = display(true)) {
      display.step(new StepView(1, 1, 1, 1));
    }
    assertThat(bytes.size()).isZero();
  }

  @Test
  void shouldKeepMessagesAboveTheLine() {
    try (ProgressDisplay display = display(false)) {
      display.message("rank 1 has died");
    }
    assertThat(lines()).containsExactly("rank 1 has died");
  }

  @Test
  void shouldSumUp() {
    RunSummary summary =
        new RunSummary(
            "quick",
            "SUCCEEDED",
            471,
            2,
            12345.6,
            new WireBytes(1 << 20, 4 << 20),
            Map.of("loss", 0.05, "accuracy", 0.987),
            3725,
            "runs/quick");
    assertThat(summary.toString().lines())
        .containsExactly(
            "job        quick",
            "state      SUCCEEDED",
            "accuracy   0.9870",
            "loss       0.0500",
            "steps      471",
            "ranks      2",
            "samples/s  12,346",
            "sent       1.0 MiB a step from each rank, 25.0 % of the gradients",
            "time       1:02:05",
            "files      runs/quick");
  }
}
