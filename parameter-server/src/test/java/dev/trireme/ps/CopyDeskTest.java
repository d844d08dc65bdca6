package dev.trireme.ps;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.job.ConsistencySpec;
import dev.trireme.api.job.OptimizerSpec;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.ps.Frame.Kind;
import dev.trireme.ps.plan.ShardPlan;
import dev.trireme.ps.shard.Wire;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** A copy of a shard from one server to another, message by message. */
class CopyDeskTest {
  private final ShardPlan plan = ShardPlan.of(List.of(new ShardPlan.Size(100, 0)), 1);
  private final List<Frame> answers = new ArrayList<>();

  private ShardStore store() {
    OptimizerSpec optimizer = new OptimizerSpec.Sgd(1, 0.9, false, 0);
    return new ShardStore(plan, optimizer, new ConsistencySpec.Asp(), Wire.FLOAT32, 2, 2);
  }

  @Test
  void shouldHoldACopyAndSaySo() {
    receive(false);
    assertThat(answers).extracting(Frame::kind).containsExactly(Kind.COPIED);
  }

  /** Who has said goodbye must say no more: it would wait in vain for the other to hear it. */
  @Test
  void shouldHoldACopyInSilenceOnceItHasTakenLeave() {
    receive(true);
    assertThat(answers).isEmpty();
  }

  private void receive(boolean leaving) {
    try (ShardStore from = store();
        ShardStore to = store();
        CopyDesk receiver = new CopyDesk(to, (rank, frame, payload, sent) -> answers.add(frame));
        CopyDesk sender =
            new CopyDesk(
                from, (rank, frame, payload, sent) -> pass(receiver, frame, payload, sent))) {
      from.make(0, 7);
      if (leaving) {
        receiver.takeLeave();
      }
      sender.send(from.copy(0).orElseThrow(), 3);
      assertThat(to.copy(0).orElseThrow().clocks().lastPush(1)).isEqualTo(7);
    }
  }

  private static void pass(
      CopyDesk receiver, Frame frame, Optional<TensorBuffer> payload, Runnable sent) {
    TensorBuffer bytes = payload.orElseThrow().bytes();
    NativeMemory.copy(bytes.address(), receiver.target(2, frame).address(), bytes.byteCount());
    receiver.handle(2, frame);
    sent.run();
  }
}
